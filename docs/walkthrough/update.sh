#!/usr/bin/env bash
# Rewrites the walk-throughs from what the compiler does now: bash docs/walkthrough/update.sh [FOLDER]
# FOLDER (else the one of this script) gets one Markdown file for each spec here; the test compares them.
# Needs `kinu` on the PATH or in build/bin.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PATH="$here/../../build/bin:$PATH"
target=${1:-$here}
mkdir -p "$target"
dumps=$(mktemp -d)
trap 'rm -rf "$dumps"' EXIT

# What leaves the types of operands and the dialect's name of types out, and the indentation of the module.
shorten() { sed -E -e 's/!kinu\.tensor</</g' -e 's/ : \([^()]*\) -> / : /' -e 's/^  //' -e 's/0\.000000e\+00/0.0/g'; }

# program FILE NAME: one program of a snapshot.
program() { awk -v start="kinu.program @$2" 'index($0, start) { on = 1 } on { print } on && /^  }$/ { exit }' "$1" | shorten; }

# kernels FILE NAME: the kernels that this program launches, in their order.
kernels() {
  awk -v start="kinu.program @$2" '
    index($0, start) { on = 1 }
    on && match($0, /step\.launch @[a-z0-9_]+/) { used[substr($0, RSTART + 13, RLENGTH - 13)] = 1 }
    on && /^  }$/ { on = 0 }
    match($0, /^  step\.kernel @[a-z0-9_]+/) { show = substr($0, 16, RLENGTH - 15) in used }
    show { print }
    /^  }$/ { show = 0 }' "$1" | shorten
}

fence() { printf '```%s\n' "$1"; cat; printf '```\n\n'; }
section() { printf '## %s\n\n%s\n\n' "$1" "$2"; }

# same STAGE BEFORE AFTER TEXT: a stage that may have had nothing to do. True if it had none.
same() { cmp -s "$2" "$3" && section "$1" "$4"; }

walk() {
  local name=$1 spec=$here/$1.kinu d=$dumps/$1
  (cd "$here" && kinu build "$name.kinu" --machine x86-64-v3 --stop-after=allocate --dump-dir "$d" -o /dev/null)
  printf '# %s, stage by stage\n\n' "$name"
  printf '%s\n%s\n%s\n\n' '<!-- Written by update.sh beside it; do not edit. -->' \
    'What `kinu build --dump-dir` writes, shortened: of each module one program, of each op the type of its result,' \
    'and `<batch=4 : f32>` for `!kinu.tensor<batch=4 : f32>`.'
  section source "The spec, [$name.kinu]($name.kinu)."
  fence kinu < "$spec"
  section parse 'A tree in which every byte of the source has its place; here as the parser tests print it.'
  fence text < "$d/01-parse.txt"
  section check 'Names are resolved, the library is expanded where it is called, and every value has its axes and lengths.'
  fence text < "$d/02-check.txt"
  section import 'The same in the `kinu` dialect. There are programs `train`, `eval` and `generate`; this is `train`.'
  program "$d/03-import.mlir" train | fence mlir
  same recognise "$d/03-import.mlir" "$d/04-recognise.mlir" 'Nothing is found: no norm, no attention, no linear layer before a cross-entropy.' || {
    section recognise 'Norms, attention, and linear layers with their cross-entropy become one op each, whose region says what they are.'
    program "$d/04-recognise.mlir" train | fence mlir
  }
  section differentiate 'The program `train` becomes `micro`, forward and backward for one micro-batch, and `update`.'
  program "$d/05-differentiate.mlir" micro | fence mlir
  printf '%s\n\n' 'The optimizer:'
  program "$d/05-differentiate.mlir" update | fence mlir
  same 'precision, recompute, shard' "$d/05-differentiate.mlir" "$d/08-shard.mlir" 'In fp32 on one rank they leave everything as it is.'
  section fuse 'Every value has its order of axes in memory, and all computation is in kernels.'
  program "$d/09-fuse.mlir" micro | fence mlir
  printf '%s\n\n' 'Its kernels:'
  kernels "$d/09-fuse.mlir" micro | fence mlir
  same schedule "$d/09-fuse.mlir" "$d/10-schedule.mlir" 'There is no repeat to write out.' || {
    section schedule 'Repeats are written out, so that each round has its own values.'
    program "$d/10-schedule.mlir" micro | fence mlir
  }
  section allocate 'Every operand and result has its byte in the arena.'
  program "$d/11-allocate.mlir" micro | fence mlir
  section 'vectorize, emit' "Each kernel becomes a function; the launches become tables that the runtime walks. To see them:"
  printf '    kinu build docs/walkthrough/%s.kinu --emit=llvm\n    kinu build docs/walkthrough/%s.kinu --emit=asm\n' "$name" "$name"
}

for spec in "$here"/*.kinu; do
  name=$(basename "$spec" .kinu)
  walk "$name" > "$target/$name.md"
done
