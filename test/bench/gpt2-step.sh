#!/usr/bin/env bash
# How long a training step of gpt2 takes at batch 4 x 64, and how much memory 4 x 1024 takes, in fp32.
# PyTorch 1.13 takes 2.0 to 2.6 s and 10.4 GB on 2 cores. bash test/bench/gpt2-step.sh WORKING-FOLDER TEXT-FILE
source "$(dirname "$0")/common.sh"
text=$2
cd "$work"
[ -e corpus.model ] || kinu tokenize "$text" -o corpus.model --pieces 4000

# The example with another batch and length, and this text.
build() {
  sed -E "s/batch 32, seq 1024.*/batch 4, seq $1/; s|data \"[^\"]*\"|data \"$text\"|" \
    "$top/examples/gpt2/gpt2.kinu" >"gpt2-$1.kinu"
  kinu build "gpt2-$1.kinu" -o "gpt2-$1"
}

# The median over the last ten of twelve steps: the first ones touch memory for the first time.
build 64
waitForQuiet
./gpt2-64 --fresh --steps 12 >log-64 2>&1 || { cat log-64; exit 1; }
median=$(sed -n 's/.*"tokens_per_second":\([0-9.]*\).*/\1/p' gpt2-64.checkpoints/metrics.jsonl | tail -n 10 | sort -n |
  awk '{ rate[NR] = $1 } END { printf "%.2f", 4 * 64 / rate[int((NR + 1) / 2)] }')
judge "gpt2, 4 x 64, a step" "$median" 2.5 s

build 1024
./gpt2-1024 --fresh --steps 2 >log-1024 2>&1 &
training=$!
peak=0 # VmHWM, the peak of resident memory, in KiB: it only grows
while sleep 0.5 && status=$(grep VmHWM "/proc/$training/status" 2>/dev/null); do
  peak=$(awk '{ print $2 }' <<<"$status")
done
wait "$training" || { cat log-1024; exit 1; }
judge "gpt2, 4 x 1024, peak resident memory" "$(awk -v kib="$peak" 'BEGIN { printf "%.2f", kib * 1024 / 1e9 }')" 8 GB
finish
