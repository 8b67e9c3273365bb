#!/usr/bin/env bash
# How long the ranks of a pipeline wait for one another, with kernels that sleep for their modelled time: the bubble of
# each schedule, as a share of the time that the busiest stage works, against the literature's formula of the modelled
# lengths of passes (dialects/tofu/MicroBatchSchedule.h), for 4 stages and 8 micro-batches: the median of three runs.
# bash test/bench/bubble.sh WORKING-FOLDER
source "$(dirname "$0")/common.sh"
prepareDeep

# Bubble, formula, and the formula of 1f1b for the same passes.
bubble() {
  rehearseOnFour "$1"
  awk -v schedule="$1" -v p=4 -v m=8 '
    / steps of / { step = $4 }
    / a micro-batch takes / {
      f = $6; b = $9; w = $12; update = $20
      if (f + b + w > busiest) busiest = f + b + w
      work += (f + b + w) / p; forward += f / p; backward += b / p; weights += w / p
    }
    END {
      plain = (p - 1) / m
      formula = schedule == "zero_bubble" ? plain * (forward + backward - weights) / work : plain
      if (schedule == "interleaved") formula = plain / 2
      printf "%.3f %.3f %.3f", (step - update) / (m * busiest) - 1, formula, plain
    }' "$1.txt"
}
rm -f ./*.bubbles
for schedule in gpipe one_f_one_b interleaved zero_bubble; do kinu build deep.kinu --layout "$schedule" -o "$schedule"; done
for run in 1 2 3; do
  for schedule in gpipe one_f_one_b interleaved zero_bubble; do
    read -r found formula plain <<<"$(bubble "$schedule")"
    printf 'run %s, %s: bubble %s, the formula gives %s\n' "$run" "$schedule" "$found" "$formula"
    echo "$found $formula $plain" >>"$schedule.bubbles"
  done
done
# A neighbour on the same host disturbs single runs.
for schedule in gpipe one_f_one_b interleaved zero_bubble; do
  read -r found formula plain <<<"$(sort -n "$schedule.bubbles" | sed -n 2p)"
  judge "$schedule, median, distance from its formula" "$(awk -v a="$found" -v b="$formula" 'BEGIN { d = a / b - 1; printf "%.1f", 100 * (d < 0 ? -d : d) }')" 10 %
done
judge "zero_bubble, bubble over that of 1f1b" "$(awk -v a="$found" -v b="$plain" 'BEGIN { printf "%.2f", a / b }')" 0.5 times
finish
