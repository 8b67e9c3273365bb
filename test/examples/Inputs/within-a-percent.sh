# within-a-percent.sh REFERENCE TRAININGS COUNT: the last validation losses of COUNT trainings are at most 1% above that of
# the reference.
set -euo pipefail
losses() { sed -n 's/.*validation: loss \([0-9.]*\) nats per token.*/\1/p' "$1"; }
losses "$2" | awk -v reference="$(losses "$1" | tail -n 1)" -v count="$3" '
  { printf "%s, fp32 %s\n", $1, reference; bad = bad || $1 > 1.01 * reference }
  END { exit bad || NR != count || reference <= 0 }'
