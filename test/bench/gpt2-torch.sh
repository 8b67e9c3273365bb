#!/usr/bin/env bash
# Whole training steps of gpt2 beside PyTorch's (Debian's python3-torch with OpenBLAS), interleaved in one run: seconds
# of a step, how many times faster, and the peak of resident memory of both. Of every figure the median, and in brackets
# the best, which is what a neighbour on the same host disturbs least.
# bash test/bench/gpt2-torch.sh WORKING-FOLDER TEXT-FILE [PRECISION:LENGTH...], by default bf16:1024 fp32:1024 bf16:64
# fp32:64. ROUNDS=2 is how often each is run; 4 sequences a step, on as many threads as there are cores.
source "$(dirname "$0")/common.sh"
text=$(realpath "$2")
shift 2
(($#)) || set -- bf16:1024 fp32:1024 bf16:64 fp32:64
rounds=${ROUNDS:-2}
python=/usr/bin/python3 # the one that Debian packages are for
"$python" -c 'import torch' 2>/dev/null || { echo "python3-torch is not installed" >&2; exit 2; }
# Debian's PyTorch multiplies fp32 matrices with whatever libblas.so.3 is, and the reference one takes thirty times as long.
grep -q openblas <(readlink -f /usr/lib/x86_64-linux-gnu/libblas.so.3) ||
  { echo "libblas.so.3 is not OpenBLAS: install libopenblas0-pthread, or PyTorch will be slow" >&2; exit 2; }
cd "$work"
[ -e corpus.model ] || kinu tokenize "$text" -o corpus.model --pieces 4000

best() { sort -n | head -n 1; }
median() { sort -n | awk '{ value[NR] = $1 } END { printf "%.3f", value[int((NR + 1) / 2)] }'; }

compare() {
  local precision=$1 seq=$2 steps=12 theirSteps=6 name=gpt2-$1-$2 round
  if ((seq > 256)); then steps=4 theirSteps=2; fi
  sed -E "s/batch 32, seq 1024.*/batch 4, seq $seq/; s|data \"[^\"]*\"|data \"$text\"|; s/precision fp32/precision $precision/" \
    "$top/examples/gpt2/gpt2.kinu" >"$name.kinu"
  kinu build "$name.kinu" -o "$name"
  : >"$name.ours"; : >"$name.theirs"
  for round in $(seq "$rounds"); do
    waitForQuiet
    ourPeak=$(peakOf "./$name" --fresh --steps "$steps")
    # The first step touches all memory for the first time, and that of PyTorch, too.
    sed -n 's/.*"tokens_per_second":\([0-9.]*\).*/\1/p' "$name.checkpoints/metrics.jsonl" | tail -n +2 |
      awk -v tokens=$((4 * seq)) '{ print tokens / $1 }' >>"$name.ours"
    OPENBLAS_CORETYPE=SkylakeX "$python" "$top/test/bench/gpt2_torch.py" --precision "$precision" --seq "$seq" \
      --steps "$theirSteps" --threads "$(nproc)" >theirs
    grep -v peak theirs | tail -n +2 >>"$name.theirs"
  done
  awk -v what="gpt2, 4 x $seq, $precision" -v ours="$(median <"$name.ours")" -v theirs="$(median <"$name.theirs")" \
    -v ourBest="$(best <"$name.ours")" -v theirBest="$(best <"$name.theirs")" \
    -v peak="$ourPeak" -v theirPeak="$(sed -n 's/peak //p' theirs)" 'BEGIN {
    printf "%-22s %7.3f s a step (%.3f), PyTorch %7.3f s (%.3f): %5.2f times as fast (%.2f); %.2f GB, PyTorch %.2f GB\n",
           what, ours, ourBest, theirs, theirBest, theirs / ours, theirBest / ourBest, peak, theirPeak }'
}

for what in "$@"; do compare "${what%:*}" "${what#*:}"; done
