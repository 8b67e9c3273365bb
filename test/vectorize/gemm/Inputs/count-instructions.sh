# count-instructions.sh ELEMENT PROMOTE LHS RHS FOLDER LEAST: compiles the product of two matrices with these axes, 768
# long, for A64FX, runs it under qemu, and prints how many instructions it took and how many of them were multiply-adds of
# whole vectors. Fails if the result is wrong, or if fewer than LEAST percent were. See dot.sh for ELEMENT and PROMOTE.
set -euo pipefail
inputs=$(dirname "$0") folder=$5
mkdir -p "$folder"
bash "$inputs/build-product.sh" run-kernel "$1" "$2" "$3" "$4" "m=768, n=768" "$folder/dot" -DROWS=768 -DSUMS=768 -DCOLUMNS=768
clang -shared -fPIC -O2 "$inputs/count-instructions.c" -o "$folder/count.so"
qemu-aarch64 -cpu a64fx -plugin "$folder/count.so" -d plugin -D "$folder/counts" "$folder/dot"
awk -v what="$1, promoted every $2, $3 by $4" -v least="$6" '{
    printf "%s: %d instructions, %d multiply-adds, %.1f%%\n", what, $1, $2, 100 * $2 / $1
    exit !(NF == 2 && 100 * $2 >= least * $1)
  }' "$folder/counts"
