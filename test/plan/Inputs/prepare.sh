# prepare.sh SPEC: copies a spec to the working folder, with the text and the tokenizer that it names.
set -euo pipefail
cp "$1" layouts.kinu
seq 1 400 | sed 's/.*/the quick brown fox number & jumps over the lazy dog and the cat sat on the mat/' > corpus.txt
kinu tokenize corpus.txt -o layouts.model --type char
