#!/usr/bin/env bash
# same-bytes.sh LAYOUT RANKS: the payload of a step at the MPI boundary is what `kinu plan` says, to the byte, on every
# rank. Two runs that differ by two steps tell a step's bytes from those of starting and ending.
set -euo pipefail
library=$(dirname "$(command -v kinu)")/../lib/libKinuCountBytes.so
test -e "$library"
kinu plan layouts.kinu --layout "$1" --json -o "plan_$1.json"
kinu build layouts.kinu --layout "$1" -o "on_$1"
export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1
for steps in 2 4; do
  KINU_COUNT_BYTES="bytes_$1_$steps" mpirun --allow-run-as-root --oversubscribe -x KINU_COUNT_BYTES \
    -x LD_PRELOAD="$library" -n "$2" "./on_$1" --fresh --steps "$steps" --checkpoint-dir "run_$1" > "run_$1.txt" 2>&1 ||
    { cat "run_$1.txt"; exit 1; }
done
python3 - "$1" "$2" <<'PYTHON'
import json, sys
layout, ranks = sys.argv[1], int(sys.argv[2])
def counts(steps, rank):
    return {k: (int(c), int(b)) for k, c, b in (line.split() for line in open(f"bytes_{layout}_{steps}.{rank}"))}
stages, total = json.load(open(f"plan_{layout}.json"))["stages"], 0
assert len(stages) in (1, ranks)  # without a pipeline, or with nothing else
for rank in range(ranks):
    wanted = {}
    for message in stages[rank % len(stages)]["messages"]:
        calls, bytes = wanted.get(message["kind"], (0, 0))
        wanted[message["kind"]] = (calls + message["calls"], bytes + message["payload"])
    total += sum(b for c, b in wanted.values())
    few, many = counts(2, rank), counts(4, rank)
    for kind in few:
        step = tuple((m - f) / 2 for f, m in zip(few[kind], many[kind]))
        assert step == wanted.get(kind, (0, 0)), f"rank {rank}, {kind}: counted {step}, plan says {wanted.get(kind, (0, 0))}"
print(f"{layout}: {total} bytes of payload of all ranks in a step, counted and planned")
PYTHON
