# train-precisions.sh SPEC NAME SEED...: builds SPEC in bf16, safe fp16 and fast fp16 and trains each with each seed;
# prints what they print.
set -euo pipefail
spec=$1 name=$2
shift 2
for precision in "bf16" "fp16(safe)" "fp16(fast)"; do
  label=$(tr -d '()' <<< "$precision")
  sed "s/precision fp32/precision $precision/" "$spec" > "$label.kinu"
  grep -qF "precision $precision" "$label.kinu"
  kinu build "$label.kinu" -o "$name-$label"
  for seed in "$@"; do
    echo "$precision, seed $seed"
    "./$name-$label" --seed "$seed" --checkpoint-dir "$label-$seed"
  done
done
