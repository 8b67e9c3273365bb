# Lists the ops of a reference (first argument) that no test in a folder (second) has in a CHECK line.
set -euo pipefail
ops=$(sed -n -E 's/^### `(kinu|step|tofu)\.([a-z0-9_]+)`.*/\1.\2/p' "$1")
test -n "$ops" || echo "no test of anything: $1 lists no op"
for op in $ops; do
  grep -q -E "CHECK.*$op( |\(|\$)" "$2"/*Ops.mlir || echo "no test of $op"
done
