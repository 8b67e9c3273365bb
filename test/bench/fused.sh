#!/usr/bin/env bash
# Every fused kernel of a step of gpt2 and of a llama against its roofline in the same run; one thread.
# bash test/bench/fused.sh WORKING-FOLDER [PART-OF-A-KERNEL'S-NAME]
source "$(dirname "$0")/common.sh"
# One layer is enough: all have the same kernels.
kinu build "$top/examples/gpt2/gpt2.kinu" -D batch=4 -D seq=1024 -D depth=1 --stop-after=fuse -o "$work/gpt2.mlir"
kinu build "$top/examples/llama-7b/llama-7b.kinu" -D batch=1 -D seq=1024 -D depth=1 -D accumulate=1 -D width=2048 \
  -D hidden=5504 -D heads=16 --stop-after=fuse -o "$work/llama.mlir"
waitForQuiet
for model in gpt2 llama; do
  echo "$model"
  FusedBench "$work/$model.mlir" ${2:+"$2"}
done
