# gemm-loops.sh ASSEMBLY LEAST: judges every innermost loop of the micro-kernels in A64FX assembly. Prints, for each
# different one, its name, its multiply-adds, the cycles that llvm-mca gives it, and the share of two multiply-adds a
# cycle. Fails on an access to the stack, an indexed fmla or a dup in any of them, and where the unrolled loop of a
# micro-kernel stays below LEAST percent. Not judged by that are blocks that load more often than they multiply, as a
# vector by a matrix does, and corners: lower tiles of rows at the last columns, which have too few accumulators.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# One file for each different loop: MICRO-KERNEL.NUMBER, the number counting the loops of a function.
awk -v folder="$folder" '
  /^[A-Za-z_][A-Za-z0-9_.]*:/ { name = $1; sub(":.*", "", name); loops = 0; label = "" }
  /^\.L[A-Za-z0-9_]*:/ { label = $1; sub(":.*", "", label); text = ""; count = 0; next }
  name ~ /^(micro|promoting)_/ && label != "" && !/^[ \t]*(\.|\/\/)/ {
    text = text $0 "\n"
    if (/^[ \t]+fm(la|ad)[ \t]/) count++
    if (/^[ \t]+(b\.[a-z]+|cbn?z|tbn?z)[ \t]/ && $NF == label) {
      if (count) {
        loops++
        if (!seen[text]++) {
          file = folder "/" name "." loops
          while ((getline line < file) > 0) file = file "x"
          close(file)
          printf "%s", text > file
          close(file)
        }
      }
      label = ""
    }
  }' "$1"

# A name is KIND_ROWSxCOLUMNS_...: full tiles have 6 rows or more, full vectors 16 columns in fp32 and 32 in fp16.
isCorner() {
  local rows columns
  read -r rows columns < <(sed -E 's/^[a-z]+_([0-9]+)x([0-9]+)_.*/\1 \2/' <<<"$1")
  ((rows < 6 && columns % 16))
}

failures=0 judged=0
fail() { echo "FAILURE: $1"; failures=$((failures + 1)); }
for loop in "$folder"/*; do
  name=$(basename "$loop")
  count=$(grep -cE '^\s+fm(la|ad)\s' "$loop")
  if grep -q '\[sp' "$loop"; then fail "$name: accesses the stack"; fi
  if grep -qE '^\s+fmla\s.*\[[0-9]+\]$' "$loop"; then fail "$name: indexed fmla"; fi
  if grep -qE '^\s+(dup|mov)\s+z[0-9]+\.[bhsd], [wxbhsdz][0-9]+(\.s\[|$)' "$loop"; then fail "$name: dup"; fi
  if grep -qE '^\s+fm(la|ad)\s+v' "$loop"; then fail "$name: 128 bits"; fi
  cycles=$(llvm-mca -mtriple=aarch64 -mcpu=a64fx --dispatch=4 --register-file-size=96 --lqueue=40 --squeue=24 \
    --iterations=200 "$loop" 2>/dev/null | awk '/^Total Cycles:/ { print $3 / 200 }')
  share=$(awk -v n="$count" -v c="$cycles" 'BEGIN { printf "%.1f", 100 * n / 2 / c }')
  printf '%-36s %4d multiply-adds %8.2f cycles %6s%%\n' "$name" "$count" "$cycles" "$share"
  # The unrolled loop comes first; the second does the last steps of k, one by one.
  if (($(grep -cE '^\s+ld1' "$loop") > count)); then continue; fi
  if isCorner "$name"; then continue; fi
  case $name in *.1 | *.1x*)
    judged=$((judged + 1))
    if awk -v s="$share" -v l="$2" 'BEGIN { exit !(s < l) }'; then fail "$name: $share% is below $2%"; fi ;;
  esac
done
echo "$judged unrolled loops"
exit $((failures > 0 || judged == 0))
