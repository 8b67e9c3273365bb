# What the benchmarks share. Sourced by them; every benchmark takes its working folder as first argument.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=$top/build/bin:$PATH
work=$(realpath -m "$1")
mkdir -p "$work"
failures=0

# Waits, for two minutes at most, until both rates of the canary are 80% of the best they have been on this machine.
waitForQuiet() {
  local best=$work/../canary.best rates highest end=$((SECONDS + 120))
  while ((SECONDS < end)); do
    rates=$(kinu-canary)
    highest=$(cat "$best" 2>/dev/null || echo 0 0)
    highest=$(echo "$rates $highest" | awk '{ print ($1 > $3 ? $1 : $3), ($2 > $4 ? $2 : $4) }')
    echo "$highest" >"$best"
    if echo "$rates $highest" | awk '{ exit !($1 >= 0.8 * $3 && $2 >= 0.8 * $4) }'; then return; fi
    sleep 1
  done
  echo "note: the machine is busy ($rates of $highest GF/s per core): these figures are not to be trusted"
}

# judge WHAT MEASURED LIMIT UNIT: prints a row; above the limit it counts as a failure.
judge() {
  local verdict=ok
  if ! awk -v m="$2" -v l="$3" 'BEGIN { exit !(m <= l) }'; then verdict=TOO-MUCH; failures=$((failures + 1)); fi
  printf '%-60s %10s %s (at most %s) %s\n' "$1" "$2" "$4" "$3" "$verdict"
}

# seconds COMMAND...: wall time of a command, its output kept in $work/log.
seconds() {
  local start end
  start=$(date +%s.%N)
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
  end=$(date +%s.%N)
  awk -v a="$start" -v b="$end" 'BEGIN { printf "%.2f", b - a }'
}

# peakOf COMMAND...: runs it and prints the peak of its resident memory in GB, as the kernel has it when the process is
# done; its output goes to $work/out.
peakOf() {
  python3 - "$@" 3>&1 >"$work/out" 2>&1 <<'END' || { cat "$work/out" >&2; return 1; }
import os, resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
os.write(3, b"%.3f" % (resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024e-9))
sys.exit(status)
END
}

# A model of eight layers, its text and its tokenizer in the working folder.
prepareDeep() {
  cd "$work"
  cp "$top/test/bench/Inputs/deep.kinu" .
  seq 1 400 | sed 's/.*/the quick brown fox number & jumps over the lazy dog and the cat sat on the mat/' >corpus.txt
  [ -e deep.model ] || kinu tokenize corpus.txt -o deep.model --type char
}

# rehearseOnFour LAYOUT OPTION...: two steps of that model on four ranks, with kernels that sleep for their modelled time,
# stretched to 4 s a step; the report goes to LAYOUT.txt. Ranks that wait sleep, so they may share cores.
rehearseOnFour() {
  local layout=$1
  shift
  OMP_NUM_THREADS=1 timeout 300 mpirun --allow-run-as-root --oversubscribe -n 4 \
    "./$layout" rehearse --seconds 4 --steps 2 "$@" >"$layout.txt" 2>"$layout.log" || { cat "$layout.log" >&2; exit 1; }
}

finish() { exit $((failures > 0)); }
