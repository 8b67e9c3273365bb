# compare-with-entropy.sh ENTROPY EVAL BIGRAM: fails unless the model of EVAL (what `eval` printed) is at most 5% above
# the entropy and the bigrams of BIGRAM are 30% above; nor may the model be below what is possible by more than noise.
set -euo pipefail
entropy=$(awk '{ print $1 }' "$1")
model=$(sed -n 's/.*, \([0-9.]*\) per character.*/\1/p' "$2")
bigram=$(sed -n 's/^bigrams of pieces: \([0-9.]*\).*/\1/p' "$3")
echo "entropy $entropy, model $model, bigrams of pieces $bigram nats per character"
awk -v e="$entropy" -v m="$model" -v b="$bigram" 'BEGIN { exit !(m <= 1.05 * e && m >= 0.98 * e && b >= 1.3 * e) }'
