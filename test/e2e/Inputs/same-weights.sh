#!/usr/bin/env bash
# same-weights.sh FOLDER OTHER: the newest checkpoints of both hold the same weights, bit by bit.
set -euo pipefail
newest() { ls -d "$1"/step-*/ | sort | tail -n 1; }
[ "$(newest "$1" | sed 's/.*step/step/')" != "$(newest "$2" | sed 's/.*step/step/')" ]
cmp "$(newest "$1")/weights.safetensors" "$(newest "$2")/weights.safetensors"
