#!/usr/bin/env bash
# next-losses.sh FOLDER OTHER: the losses of steps 21 to 25 agree to 1e-5.
set -euo pipefail
losses() { sed -n 's/^{"step":2[1-5],"loss":\([0-9.]*\),.*/\1/p' "$1/metrics.jsonl"; }
paste <(losses "$1") <(losses "$2") | awk -v name="$2" '
  { d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > largest) largest = d; ++n }
  END { printf "%s: %d steps, losses differ by at most %.1e\n", name, n, largest; exit !(n == 5 && largest <= 1e-5) }'
