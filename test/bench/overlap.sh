#!/usr/bin/env bash
# How much of the sums of gradients is hidden behind the backward pass, on 4 ranks whose kernels sleep for their modelled
# time, stretched to 4 s a step, and to which collectives come late, by 1 s a step together: with `overlap gradients`, by a
# runtime that asks MPI between kernels and by one that does not, and without the clause.
# bash test/bench/overlap.sh WORKING-FOLDER
source "$(dirname "$0")/common.sh"
prepareDeep

# hidden LAYOUT OPTION...: of the time that sums of gradients are on their way, what nobody waits for, in percent.
hidden() {
  local layout=$1
  shift
  kinu build deep.kinu --layout "$layout" -o "$layout"
  rehearseOnFour "$layout" --delay 1 "$@"
  sed 's/^/  /' "$layout.txt" >&2
  sed -n 's/^rank 0, all reductions: .* s, \([0-9.]*\)% hidden$/\1/p' "$layout.txt"
}
for layout in overlapped zero1_overlapped zero3_overlapped; do
  found=$(hidden "$layout")
  printf '%s: %s%% of the reductions hidden\n' "$layout" "$found"
  judge "$layout, not hidden" "$(awk -v a="$found" 'BEGIN { printf "%.1f", 100 - a }')" 20 %
done
judge "overlapped, hidden by a runtime that does not poll" "$(hidden overlapped --no-polling)" 79.9 %
judge "blocking, hidden" "$(hidden blocking)" 79.9 %
finish
