#!/usr/bin/env bash
# How long compiling takes: gpt2 with an empty and with a full kernel cache, two large models as far as their memory is
# known, layouts of large models planned, and one built for A64FX with its launch files. bash test/bench/compile.sh WORKING-FOLDER
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
example() { echo "$top/examples/$1/$1.kinu"; }
judge "fugaku-llm-13b planned" "$(seconds kinu plan "$(example fugaku-llm-13b)" --layout as_trained -o /dev/null)" 10 s
for of in "gpt-175b torus" "gpt-530b torus" "gpt-500b whole_machine" "moe-1t torus"; do
  read -r model layout <<< "$of"
  judge "$model planned" "$(seconds kinu plan "$(example "$model")" --layout "$layout" -o /dev/null)" 30 s
done
rm -rf "$KINU_CACHE_DIR"
judge "fugaku-llm-13b built for A64FX, with launch files" \
  "$(seconds kinu build "$(example fugaku-llm-13b)" --layout as_trained -o "$work/fugaku-llm-13b")" 60 s
finish
