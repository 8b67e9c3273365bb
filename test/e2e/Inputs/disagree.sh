# disagree.sh FIRST SECOND: two ranks with a command line each.
set -uo pipefail
export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1
mpirun --allow-run-as-root --oversubscribe -n 1 $1 --checkpoint-dir disagree : -n 1 $2 --checkpoint-dir disagree > disagree.txt 2>&1
code=$?
grep error: disagree.txt
echo "exit code $code"
