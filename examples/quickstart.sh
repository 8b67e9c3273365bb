#!/usr/bin/env bash
# From nothing to a trained model: bash examples/quickstart.sh
# Installs what is missing, builds Kinu, writes a corpus whose entropy is known, trains a tokenizer and a model of a
# million weights on it, and compares the two. At most 15 minutes on 2 cores, of which 3 train; run again it only trains.
# All it makes is in build/quickstart.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
work=$top/build/quickstart
spec=$top/examples/quickstart/quickstart.kinu

say() { printf '\n== %s\n' "$*"; }

say "packages and build"
bash "$top/.ci/build.sh" dev kinu KinuRuntime quickstart-grammar
PATH=$top/build/bin:$PATH
mkdir -p "$work"
cd "$work"

if [ ! -e corpus.txt ]; then
  say "a corpus of 80000 lines, Japanese and English"
  quickstart-grammar write corpus.partial --lines 80000 --seed 1
  mv corpus.partial corpus.txt
fi
head -n 4 corpus.txt
if [ ! -e corpus.model ]; then
  say "a tokenizer of 1024 pieces"
  kinu tokenize corpus.txt -o corpus.model --type bpe --pieces 1024 --validation 0.1
fi

say "compiling quickstart.kinu for this machine"
kinu build "$spec" -o quickstart

say "training"
./quickstart --fresh

say "what can be learnt, and what was"
./quickstart eval | tee eval.txt
entropy=$(quickstart-grammar entropy)
model=$(sed -n 's/.*, \([0-9.]*\) per character.*/\1/p' eval.txt)
echo "true entropy: $entropy"
quickstart-grammar bigram corpus.txt --tokenizer corpus.model
awk -v model="$model" -v entropy="${entropy%% *}" 'BEGIN {
  printf "model: %.4f nats per character of raw text, %.1f%% above the entropy\n", model, 100 * (model / entropy - 1)
}'

for prompt in "On Monday Clara" "these" "私は今朝" "恐れ入りますが、"; do
  say "going on from \`$prompt\`"
  ./quickstart generate --prompt "$prompt" --tokens 60
done
