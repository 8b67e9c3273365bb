# check-products.sh ELEMENT PROMOTE FOLDER: compiles a product with ragged edges for A64FX, runs it under qemu, and fails if
# it is off by more than docs/numerics.md says. See dot.sh for ELEMENT and PROMOTE.
set -euo pipefail
mkdir -p "$3"
bash "$(dirname "$0")/build-product.sh" check-products "$1" "$2" "m=31, k=3072" "k=3072, n=150" "m=31, n=150" "$3/check" \
  "-DTERMS=$2" -DROWS=31 -DSUMS=3072 -DCOLUMNS=150
echo "$1, promoted every $2"
qemu-aarch64 -cpu a64fx "$3/check"
