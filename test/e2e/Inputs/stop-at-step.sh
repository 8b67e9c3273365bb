# stop-at-step.sh STEP FOLDER COMMAND...: sends SIGTERM once FOLDER's metrics have STEP, and expects exit code 100.
step=$1 folder=$2
shift 2
"$@" > stopped.txt 2>&1 &
pid=$!
for ((i = 0; i < 3000; ++i)); do
  grep -qs "^{\"step\":$step," "$folder/metrics.jsonl" && break
  sleep 0.01
done
kill -TERM $pid
wait $pid
code=$?
((code == 100)) || { cat stopped.txt; echo "exit code $code"; exit 1; }
