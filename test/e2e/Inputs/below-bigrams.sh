# below-bigrams.sh TRAINING BIGRAMS: the final validation loss per character of a training is below that of interpolated
# Kneser-Ney bigrams of the same pieces.
set -euo pipefail
model=$(sed -n 's/.*validation: .*, \([0-9.]*\) per character.*/\1/p' "$1" | tail -n 1)
bigrams=$(sed -n 's/^bigrams of pieces: \([0-9.]*\) nats.*/\1/p' "$2")
awk -v model="$model" -v bigrams="$bigrams" 'BEGIN {
  printf "model %.4f, bigrams %.4f nats per character\n", model, bigrams
  exit !(model > 0 && model < bigrams)
}'
