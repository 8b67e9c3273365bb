#!/usr/bin/env bash
# Installs, builds and runs the tests: bash test/run.sh [--full] [folder or file under test/ ...]
# --full adds everything that takes longer: all seeds, all trainings, long fuzzing with sanitizers.
# Ends with one line, `N passed, M failed` (and `, K skipped` where some were), and fails unless all is well.
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top" || exit 1

full=()
paths=()
for argument in "$@"; do
  case "$argument" in
    --full) full=(--param full=1) ;;
    -*) echo "run.sh: unknown option $argument (it takes --full and paths)" >&2; exit 2 ;;
    *) paths+=("$argument") ;;
  esac
done
if ((${#paths[@]} == 0)); then paths=(test build/test/unit); fi

# What fails here is not a test, but it must not look like a suite that passed.
giveUp() { echo "run.sh: $1" >&2; echo "0 passed, 1 failed"; exit 1; }

if ((${#full[@]})); then export KINU_EXTRA_PACKAGES=libclang-rt-22-dev; fi
bash .ci/build.sh dev || giveUp "the build failed"
bash runtime/sysroot/make.sh || giveUp "the arm64 sysroot could not be made"

# An interrupted run leaves these beside the unit tests, where they would be taken for tests.
rm -f build/unittests/*.json
log=build/test/lit.log
PATH="/usr/lib/llvm-22/bin:$PATH" lit -j2 -v "${full[@]}" "${paths[@]}" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

# lit's summary: one line for each outcome, such as `  Passed           : 12 (100.00%)`.
count() { sed -n -E "s/^ +($1) *: +([0-9]+).*/\2/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }
passed=$(count 'Passed|Passed With Retry|Expectedly Failed')
failed=$(count 'Failed|Unresolved|Timed Out|Unexpectedly Passed')
skipped=$(count 'Unsupported|Skipped|Excluded')
if ((status != 0 && failed == 0)); then giveUp "lit itself failed (exit code $status)"; fi
line="$passed passed, $failed failed"
if ((skipped > 0)); then line+=", $skipped skipped"; fi
echo "$line"
((passed > 0 && failed == 0))
