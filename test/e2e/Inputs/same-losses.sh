#!/usr/bin/env bash
# Builds layouts.kinu under a layout, trains it on so many ranks, and compares every step's loss with that of one rank:
# same-losses.sh LAYOUT RANKS. One rank's metrics are in one/metrics.jsonl.
set -euo pipefail
kinu build layouts.kinu --layout "$1" -o "on_$1"
bash "$(dirname "$0")/on-ranks.sh" "$2" "./on_$1" --fresh --checkpoint-dir "$1" > "$1.txt" 2>&1 || {
  code=$?
  tail -n 40 "$1.txt"
  exit "$code"
}
losses() { sed -n 's/^{"step":[0-9]*,"loss":\([0-9.]*\),.*/\1/p' "$1/metrics.jsonl"; }
paste <(losses one) <(losses "$1") | awk -v name="$1" '
  { d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > largest) largest = d; ++n }
  END { printf "%s: %d steps, losses differ by at most %.1e\n", name, n, largest; exit !(n == 20 && largest <= 1e-5) }'
