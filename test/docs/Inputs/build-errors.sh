# Builds the programs of a page (first argument) whose fence says `kinu wrong build` or `kinu right build`, as far as
# shard, and plans those that say `plan`, in a folder (second), and says what is not as the page has it.
set -uo pipefail
page=$(realpath "$1")
rm -rf "$2" && mkdir -p "$2" && cd "$2" || exit 1
awk '/^### / { gsub(/[#` ]/, ""); heading = $0 }
     /^```kinu (wrong|right) (build|plan)/ { file = heading "." $2 ".kinu"; next }
     /^```/ { file = "" }
     file { print > file }' "$page"
count=0
for program in *.wrong.kinu *.right.kinu; do
  test -e "$program" || continue
  command=$(sed -n '1s,^// kinu \(build\|plan\).*,\1,p' "$program")
  options=$(sed -n "1s,^// kinu $command,,p" "$program")
  test "$command" = plan || options="$options --stop-after=shard"
  found=$(kinu $command "$program" $options --diagnostics=json -o /dev/null 2>&1 | grep -o '"id":"[^"]*"' | cut -d'"' -f4)
  case "$program" in *.wrong.kinu) expected=${program%.wrong.kinu} ;; *) expected= ;; esac
  test "$found" = "$expected" || echo "$program: expected '$expected', found '$found'"
  count=$((count + 1))
done
echo "$count programs"
