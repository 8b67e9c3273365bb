# full-disk.sh: trains `./tiny` on a small disk until a file fills it, and on the same disk read-only. To be run in a mount
# namespace of its own, which takes the disk away with it.
set -uo pipefail
disk=$PWD/disk
mkdir -p "$disk"
mount -t tmpfs -o size=4m kinu-test "$disk" || exit 1
here=$(cd "$(dirname "$0")" && pwd)
train=(./tiny --checkpoint-dir "$disk/c")
failsWithCode106() {
  "${train[@]}" --steps $((steps += 20)) > failed.txt 2>&1
  local code=$?
  echo "$1: $(grep 'error' failed.txt)"
  ((code == 106)) || { cat failed.txt; echo "exit code $code, not 106"; exit 1; }
  bash "$here/final-weights.sh" "$disk/c" after.bin && cmp before.bin after.bin && echo "the last checkpoint is intact"
}

steps=20
"${train[@]}" --steps $steps > /dev/null 2>&1 || exit 1
bash "$here/final-weights.sh" "$disk/c" before.bin || exit 1
head -c 8000000 /dev/zero > "$disk/filling" 2> /dev/null
failsWithCode106 "on a full disk"
rm "$disk/filling"
mount -o remount,ro "$disk"
failsWithCode106 "in a read-only folder"
mount -o remount,rw "$disk"
./tiny eval --checkpoint-dir "$disk/c"
