#!/usr/bin/env bash
# How long compiling takes: gpt2 with an empty and with a full kernel cache, two large models as far as their memory is
# known. bash test/bench/compile.sh WORKING-FOLDER
source "$(dirname "$0")/common.sh"
export KINU_CACHE_DIR=$work/cache
rm -rf "$KINU_CACHE_DIR"

waitForQuiet
judge "gpt2, nothing cached" "$(seconds kinu build "$top/examples/gpt2/gpt2.kinu" -o "$work/gpt2")" 20 s
judge "gpt2, kernels cached" "$(seconds kinu build "$top/examples/gpt2/gpt2.kinu" -o "$work/gpt2")" 3 s
for model in llama-7b fugaku-llm-13b; do
  judge "$model up to allocate" \
    "$(seconds kinu build "$top/examples/$model/$model.kinu" --stop-after=allocate -o /dev/null)" 20 s
done
finish
