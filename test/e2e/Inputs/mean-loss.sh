# mean-loss.sh TRAINING COUNT LIMIT: the mean of the COUNT final validation losses (nats per token) in the output of as
# many trainings is at most LIMIT.
set -euo pipefail
sed -n 's/.*validation: loss \([0-9.]*\) nats per token.*/\1/p' "$1" | awk -v count="$2" -v limit="$3" '
  { sum += $1 }
  END { printf "%d losses, mean %.4f, limit %s\n", NR, sum / NR, limit; exit !(NR == count && sum / NR <= limit) }'
