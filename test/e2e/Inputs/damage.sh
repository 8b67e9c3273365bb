# damage.sh FOLDER newest|all: cuts the weights of one checkpoint or of all in half.
set -euo pipefail
checkpoints=$(ls -d "$1"/step-*/ | sort)
if [ "$2" = newest ]; then checkpoints=$(tail -n 1 <<< "$checkpoints"); fi
for checkpoint in $checkpoints; do
  file=$checkpoint/weights.safetensors
  truncate -s $(($(stat -c %s "$file") / 2)) "$file"
done
