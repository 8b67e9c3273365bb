# prepare.sh: writes corpus.txt, its tokenizer corpus.model and the executable tiny into the working folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# Sums of two numbers in words.
words=(zero one two three four five six seven eight nine ten eleven twelve)
for ((i = 0; i < 2000; ++i)); do
  a=$((i * 7919 % 7)) b=$((i * 104729 / 7 % 6))
  echo "${words[a]} and ${words[b]} are ${words[a + b]}."
done > corpus.txt
kinu tokenize corpus.txt --type char --pieces 32 -o corpus.model
kinu build "$here/tiny.kinu" "$@" -o tiny
