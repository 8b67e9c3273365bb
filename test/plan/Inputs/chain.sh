# Runs model.pjsub with commands that only say that they were called.
set -euo pipefail
mkdir -p fake
printf '#!/bin/bash\necho submitted "$@" >> submitted.txt\n' > fake/pjsub
printf '#!/bin/bash\nexit $CODE\n' > fake/mpiexec
chmod +x fake/*
for CODE in 0 100 104; do
  export CODE
  found=0
  PATH="$PWD/fake:$PATH" bash model.pjsub || found=$?
  test "$found" = "$CODE"
done
test "$(cat submitted.txt)" = "submitted model.pjsub"
