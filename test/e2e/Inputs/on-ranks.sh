#!/usr/bin/env bash
# on-ranks.sh RANKS COMMAND...: runs a command on so many ranks of one machine, five minutes at most.
set -euo pipefail
ranks=$1
shift
# Ranks that wait leave the core to those that compute.
export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1
exec timeout 300 mpirun --allow-run-as-root --oversubscribe -n "$ranks" "$@"
