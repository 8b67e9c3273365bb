# build-product.sh PROGRAM ELEMENT PROMOTE LHS RHS RESULT OUT OPTION...: compiles a product of matrices with these axes for
# A64FX and links it with PROGRAM.c, which runs it under an emulator. See dot.sh for ELEMENT and PROMOTE.
set -euo pipefail
inputs=$(dirname "$0") program=$1 element=$2 out=$7
bash "$inputs/dot.sh" "$2" "$3" "$4" "$5" "$6" | kinu-kernel-asm fugaku >"$out.s"
shift 7
type=float
if [ "$element" = f16 ]; then type=__fp16; fi
clang --target=aarch64-linux-gnu -mcpu=a64fx -O1 -ffreestanding -nostdlib -static -fuse-ld=lld "-DELEMENT=$type" "$@" \
  "$inputs/$program.c" "$out.s" -o "$out"
