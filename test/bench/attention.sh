#!/usr/bin/env bash
# How fast attention is, as a share of a matrix product's rate in the same run, and what memory it takes: one layer of
# 12 heads of 64 at 4096 positions is judged, other shapes are shown. bash test/bench/attention.sh WORKING-FOLDER
source "$(dirname "$0")/common.sh"
waitForQuiet
AttentionBench "" f32,bf16 | tee "$work/attention.txt"

# The line of a direction, for the first shape and an element.
line() {
  awk -v element=", $1 " -v direction="$2" \
    '/^[^ ]/ { here = /4096 x 64, causal/ && index($0, element) } here && $1 == direction' "$work/attention.txt"
}

# judgeShare ELEMENT DIRECTION LEAST: percent of the product's rate; and the scratch of a thread.
judgeShare() {
  local text
  text=$(line "$1" "$2")
  judge "attention, $1 $2: below $3% of the product's rate by" \
    "$(awk -v least="$3" '{ for (i = 1; i <= NF; i++) if ($i ~ /%$/) print ($i + 0 < least ? least - $i : 0) }' <<<"$text")" \
    0 points
  judge "attention, $1 $2: scratch of a thread" "$(sed 's/.*scratch \([0-9]*\) kB.*/\1/' <<<"$text")" 2048 kB
}
judgeShare f32 forward 60
judgeShare f32 backward 50
judgeShare bf16 forward 35
judgeShare bf16 backward 30
finish
