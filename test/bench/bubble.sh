#!/usr/bin/env bash
# How long the ranks of a pipeline wait for one another, with kernels that sleep for their modelled time: the bubble of
# each schedule, as a share of the time that a stage works, against (p - 1) / m of the literature (Narayanan et al.,
# 2021), for 4 stages and 8 micro-batches. bash test/bench/bubble.sh WORKING-FOLDER
source "$(dirname "$0")/common.sh"
cd "$work"
cp "$top/test/bench/Inputs/deep.kinu" .
seq 1 400 | sed 's/.*/the quick brown fox number & jumps over the lazy dog and the cat sat on the mat/' >corpus.txt
[ -e deep.model ] || kinu tokenize corpus.txt -o deep.model --type char

# The busiest rank's idle time over its kernels' time.
bubble() {
  kinu build deep.kinu --layout "$1" -o "$1"
  OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1 timeout 300 mpirun --allow-run-as-root --oversubscribe -n 4 \
    "./$1" rehearse --seconds 4 --steps 2 >"$1.txt" 2>"$1.log" || { cat "$1.log"; exit 1; }
  sed -n 's/^rank [0-9]*: kernels \([0-9.]*\) s, idle \([0-9.-]*\)%$/\1 \2/p' "$1.txt" |
    sort -n | tail -n 1 | awk '{ printf "%.3f", $2 / (100 - $2) }'
}
theory=$(awk 'BEGIN { printf "%.3f", 3 / 8 }')
for schedule in gpipe one_f_one_b; do
  found=$(bubble "$schedule")
  printf '%s: bubble %s, (p - 1) / m is %s\n' "$schedule" "$found" "$theory"
  judge "$schedule, distance from theory" "$(awk -v a="$found" -v b="$theory" 'BEGIN { d = a / b - 1; printf "%.1f", 100 * (d < 0 ? -d : d) }')" 10 %
done
found=$(bubble zero_bubble)
judge "zero_bubble, bubble over that of 1f1b" "$(awk -v a="$found" -v b="$theory" 'BEGIN { printf "%.2f", a / b }')" 0.5 times
finish
