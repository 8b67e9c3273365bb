# no-worse-than-seeds.sh REFERENCES TRAININGS COUNT: the last validation losses of COUNT trainings are at most 1% above the worst
# of the references, which differ by nothing but their seeds.
set -euo pipefail
losses() { sed -n 's/.*validation: loss \([0-9.]*\) nats per token.*/\1/p' "$1"; }
losses "$2" | awk -v references="$(losses "$1" | tr '\n' ' ')" -v count="$3" '
  BEGIN { n = split(references, loss, " "); for (i = 1; i <= n; ++i) if (loss[i] > worst) worst = loss[i] }
  { printf "%s, fp32 %s\n", $1, references; bad = bad || $1 > 1.01 * worst }
  END { exit bad || NR != count || n < 3 }'
