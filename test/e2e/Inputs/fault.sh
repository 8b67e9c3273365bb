# fault.sh SIGNAL: trains on four ranks, sends one of them the signal in the middle of it, and says what came of it.
set -uo pipefail
export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1
rm -rf "fault_$1" && mkdir "fault_$1"
mpirun --allow-run-as-root --oversubscribe -n 4 ./on_all --fresh --steps 1000000 --watchdog 4 \
  --checkpoint-dir "fault_$1" > "fault_$1.txt" 2>&1 &
launcher=$!
until test "$(cat "fault_$1/metrics.jsonl" 2>/dev/null | wc -l)" -ge 3; do
  kill -0 $launcher 2>/dev/null || { cat "fault_$1.txt"; exit 1; }
  sleep 0.1
done
sleep 3 # by then every rank has told its neighbour of a step
kill "-$1" "$(pgrep -P $launcher | sed -n 2p)"
# A minute is many times what it may take.
(sleep 60; kill -KILL $launcher 2>/dev/null) &
guard=$!
wait $launcher
code=$?
kill $guard 2>/dev/null
grep -E 'error|signal' "fault_$1.txt"
echo "exit code $code"
