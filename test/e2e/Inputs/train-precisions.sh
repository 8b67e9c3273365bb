# train-precisions.sh SPEC NAME SEEDS PRECISION...: builds SPEC in each precision and trains it with each seed; prints what
# they print.
set -euo pipefail
spec=$1 name=$2 seeds=$3
shift 3
for precision in "$@"; do
  label=$(tr -d '()' <<< "$precision")
  sed "s/precision fp32/precision $precision/" "$spec" > "$label.kinu"
  grep -qF "precision $precision" "$label.kinu"
  kinu build "$label.kinu" -o "$name-$label"
  for seed in $seeds; do
    echo "$precision, seed $seed"
    "./$name-$label" --seed "$seed" --checkpoint-dir "$label-$seed"
  done
done
