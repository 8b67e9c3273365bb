#!/usr/bin/env bash
# Matrix products of training steps against oneDNN's (Debian's libdnnl-dev, see packages.txt), interleaved in one run,
# as a table or as JSON: bash test/bench/gemm.sh [--json] [--precision=fp32,bf16] [--threads=2] [--rounds=5]
# [part of a name...]. Everything takes about two minutes a precision.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ ! -x "$top/build/bin/GemmBench" ]; then
  echo "GemmBench is not built: install libdnnl-dev, configure again, and build GemmBench" >&2
  exit 2
fi
exec "$top/build/bin/GemmBench" "$@"
