# size-while-training.sh COMMAND...: fails if the address space of the training grows between step 3 and step 300. Stops it
# then, and expects exit code 100.
set -uo pipefail
"$@" > /dev/null 2>&1 &
pid=$!
sizeAfter() {
  for ((i = 0; i < 3000; ++i)); do
    if grep -qs "^{\"step\":$1," *.checkpoints/metrics.jsonl; then
      sed -n 's/^VmSize:[[:space:]]*//p' /proc/$pid/status
      return
    fi
    sleep 0.02
  done
}
early=$(sizeAfter 3) late=$(sizeAfter 300)
kill -TERM $pid
wait $pid
code=$?
echo "$early after 3 steps, $late after 300"
[ -n "$early" ] && [ "$early" = "$late" ] && ((code == 100))
