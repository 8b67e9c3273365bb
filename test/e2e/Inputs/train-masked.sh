# train-masked.sh [MASK]: trains tiny.kinu for four steps with `where MASK` at its loss and prints its losses.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
where=${1:+where $1}
sed "s/^\(  loss .*\)$/\1 $where/" "$here/tiny.kinu" > masked.kinu
kinu build masked.kinu -o masked
./masked --fresh --steps 4 --checkpoint-dir masked.checkpoints 2> masked.log > masked.txt || { cat masked.log >&2; exit 1; }
grep -o -e 'step .* loss [0-9.a-z]*' masked.txt
