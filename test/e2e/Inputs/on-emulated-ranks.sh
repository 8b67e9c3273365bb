#!/usr/bin/env bash
# on-emulated-ranks.sh RANKS COMMAND...: runs an A64FX executable on so many emulated ranks, twenty minutes at most. The
# emulator knows no way to read another process's memory, so ranks copy through shared memory.
set -euo pipefail
ranks=$1
shift
export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
exec timeout 1200 mpirun --allow-run-as-root --oversubscribe -n "$ranks" \
  qemu-aarch64 -cpu a64fx -L "$KINU_SYSROOT" "$@" --watchdog 0
