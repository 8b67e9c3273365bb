# compare-losses.sh METRICS METRICS STEPS BOUND: fails unless both files hold STEPS losses and none differs from its
# counterpart by more than BOUND, relative; prints the largest difference.
set -euo pipefail
losses() { sed -n 's/.*"loss":\([-0-9.e+]*\).*/\1/p' "$1"; }
paste <(losses "$1") <(losses "$2") | awk -v steps="$3" -v bound="$4" '
  { d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > most) most = d }
  NF != 2 { missing++ }
  END { printf "%d steps, largest relative difference %g\n", NR, most; exit !(NR == steps && !missing && most <= bound) }'
