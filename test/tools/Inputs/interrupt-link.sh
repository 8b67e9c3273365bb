# interrupt-link.sh SPEC: builds SPEC in the working folder with a linker that does not end, ends kinu with SIGTERM, and says
# what is left.
set -uo pipefail
mkdir -p programs temporary
cat > programs/clang++-22 <<'LINKER'
#!/bin/bash
while [ "$1" != -o ]; do shift; done
echo part > "$2"
touch started
sleep 30
echo whole > "$2"
LINKER
chmod +x programs/clang++-22
TMPDIR=$PWD/temporary PATH=$PWD/programs:$PATH kinu build "$1" -o interrupted &
compiler=$!
for ((i = 0; i < 3000; ++i)); do
  test -e started && break
  sleep 0.01
done
kill -TERM $compiler
wait $compiler
echo "exit code $?"
sleep 0.2
echo "left: $(ls temporary; ls | grep interrupted)."
echo "running: $(pgrep -f "$PWD/programs/clang" | wc -l)"
