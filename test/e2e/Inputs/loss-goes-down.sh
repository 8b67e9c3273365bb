# loss-goes-down.sh METRICS STEPS BOUND: fails unless there is one line per step and the mean loss of the last ten is
# below BOUND and below half of the first.
set -euo pipefail
sed -n 's/^{"step":\([0-9]*\),"loss":\([-0-9.e+]*\),.*/\1 \2/p' "$1" | awk -v steps="$2" -v bound="$3" '
  $1 != NR { print "line " NR " is of step " $1; bad = 1 }
  NR == 1 { first = $2 }
  NR > steps - 10 { last += $2 / 10 }
  END { printf "%d steps, loss from %g to %g\n", NR, first, last; exit bad || !(NR == steps && last < bound && last < first / 2) }'
