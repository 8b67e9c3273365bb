#!/usr/bin/env bash
# matrix.sh EXAMPLE [PRECISION]: 20 steps of a shrunken example under each layout of matrix-EXAMPLE.kinu, compiled and over
# MPI, against one rank. The first line of a layout says on how many ranks. Fails at the end if any differs.
set -uo pipefail
here=$(dirname "$0")
spec=$1.kinu
cat "$here/../../../examples/$1/$1.kinu" "$here/matrix-$1.kinu" | sed "s/precision fp32/precision ${2:-fp32}/" >"$spec"
wrong=0
while read -r layout ranks; do
  if kinu verify "$spec" --layout "$layout" --ranks "$ranks" --steps 20 >"$layout.txt" 2>&1 </dev/null; then
    printf '%s, %s on %s ranks: %s\n' "$1" "$layout" "$ranks" "$(grep differ "$layout.txt" | tr '\n' ';')"
  else
    printf '%s, %s on %s ranks: WRONG\n' "$1" "$layout" "$ranks"
    cat "$layout.txt"
    wrong=1
  fi
done < <(sed -n 's/^layout \([a-z0-9_]*\) .*{ *\/\/ \([0-9]*\) ranks$/\1 \2/p' "$here/matrix-$1.kinu")
exit $wrong
