# losses-agree.sh A B SHARE: the validation losses that two `eval`s printed differ by at most that share of the first.
set -euo pipefail
loss() { sed -n 's/.*validation: loss \([0-9.]*\) nats per token.*/\1/p' "$1"; }
awk -v a="$(loss "$1")" -v b="$(loss "$2")" -v share="$3" 'BEGIN {
  difference = a > b ? a - b : b - a
  printf "%s and %s\n", a, b
  exit !(a > 0 && difference <= share * a) }'
