# final-weights.sh FOLDER OUTPUT: copies weights and moments of the newest checkpoint, one after the other.
set -euo pipefail
newest=$(ls -d "$1"/step-*/ | sort | tail -n 1)
[ -e "$newest/COMMIT" ]
cat "$newest/weights.safetensors" "$newest/moments.safetensors" > "$2"
[ -s "$2" ]
