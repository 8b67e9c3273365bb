# check-products.sh ELEMENT PROMOTE FOLDER: compiles a product with ragged edges for A64FX, runs it under qemu, and fails if
# it is off by more than docs/numerics.md says. See dot.sh for ELEMENT and PROMOTE.
set -euo pipefail
inputs=$(dirname "$0") folder=$3
mkdir -p "$folder"
bash "$inputs/dot.sh" "$1" "$2" "m=31, k=3072" "k=3072, n=150" "m=31, n=150" | kinu-kernel-asm fugaku >"$folder/dot.s"
type=float
if [ "$1" = f16 ]; then type=__fp16; fi
clang --target=aarch64-linux-gnu -mcpu=a64fx -O1 -ffreestanding -nostdlib -static -fuse-ld=lld "-DELEMENT=$type" \
  "-DTERMS=$2" -DROWS=31 -DSUMS=3072 -DCOLUMNS=150 "$inputs/check-products.c" "$folder/dot.s" -o "$folder/check"
echo "$1, promoted every $2"
qemu-aarch64 -cpu a64fx "$folder/check"
