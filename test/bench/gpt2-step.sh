#!/usr/bin/env bash
# How long a training step of gpt2 takes at batch 4 x 64, and how much memory 4 x 1024 takes, in fp32 and bf16.
# PyTorch 1.13 takes 2.0 to 2.6 s and 10.4 GB in fp32, 1.0 to 1.3 s and 8.4 GB in bf16, on 2 cores.
# bash test/bench/gpt2-step.sh WORKING-FOLDER TEXT-FILE
source "$(dirname "$0")/common.sh"
text=$2
cd "$work"
[ -e corpus.model ] || kinu tokenize "$text" -o corpus.model --pieces 4000
precisions="fp32"
if grep -qE 'amx_bf16|avx512_bf16' /proc/cpuinfo; then precisions="fp32 bf16"; fi

# build PRECISION LENGTH: the example with this precision, batch 4, another length, and this text.
build() {
  sed -E "s/batch 32, seq 1024.*/batch 4, seq $2/; s|data \"[^\"]*\"|data \"$text\"|; s/precision fp32/precision $1/" \
    "$top/examples/gpt2/gpt2.kinu" >"gpt2-$1-$2.kinu"
  kinu build "gpt2-$1-$2.kinu" -o "gpt2-$1-$2"
}

# The median over the last ten of twelve steps: the first ones touch memory for the first time.
step() {
  build "$1" 64
  waitForQuiet
  "./gpt2-$1-64" --fresh --steps 12 >log-64 2>&1 || { cat log-64; exit 1; }
  local median
  median=$(sed -n 's/.*"tokens_per_second":\([0-9.]*\).*/\1/p' "gpt2-$1-64.checkpoints/metrics.jsonl" | tail -n 10 |
    sort -n | awk '{ rate[NR] = $1 } END { printf "%.2f", 4 * 64 / rate[int((NR + 1) / 2)] }')
  judge "gpt2, 4 x 64, $1, a step" "$median" "$2" s
}

# The peak of resident memory over two steps and the checkpoint behind them.
memory() {
  build "$1" 1024
  local peak
  peak=$(peakOf "./gpt2-$1-1024" --fresh --steps 2) || exit 1
  judge "gpt2, 4 x 1024, $1, peak resident memory" "$peak" "$2" GB
}

for precision in $precisions; do
  if [ "$precision" = fp32 ]; then step fp32 2.5 && memory fp32 8; else step bf16 1 && memory bf16 3.5; fi
done
finish
