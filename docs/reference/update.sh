#!/usr/bin/env bash
# Rewrites the reference of dialects and passes from their TableGen descriptions: bash docs/reference/update.sh [FOLDER]
# FOLDER (else the one of this script) gets kinu.md, step.md, tofu.md and passes.md; the test compares them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
target=${1:-$here}
mkdir -p "$target"
PATH="/usr/lib/llvm-22/bin:$PATH"
cd "$top"

generate() { mlir-tblgen "$@" -I . -I dialects/kinu -I /usr/lib/llvm-22/include; }

generate -gen-dialect-doc -dialect=kinu dialects/kinu/KinuOps.td | grep -v "^.TOC.$" > "$target/kinu.md"
generate -gen-dialect-doc -dialect=step dialects/step/StepOps.td | grep -v "^.TOC.$" > "$target/step.md"
generate -gen-dialect-doc -dialect=tofu dialects/tofu/TofuOps.td | grep -v "^.TOC.$" > "$target/tofu.md"
{
  printf '<!-- Written by update.sh beside it; do not edit. -->\n\n# Passes\n\nIn the order in which they run; `kinu-opt` runs any of them alone.\n'
  printf '`kinu-opt --mlir-pass-statistics` shows the statistics where LLVM was built to count; in Debian it was not.\n'
  for stage in recognise differentiate precision recompute shard fuse schedule allocate; do
    printf '\n## %s\n\n' "$stage"
    generate -gen-pass-doc "compiler/$stage/Passes.td" | grep -v '^<!--'
  done
} > "$target/passes.md"
