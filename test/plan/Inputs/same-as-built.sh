#!/usr/bin/env bash
# same-as-built.sh LAYOUT: what `kinu plan` says of a rank's memory and work is what the executable has.
set -euo pipefail
kinu plan layouts.kinu --layout "$1" --json -o "plan_$1.json"
kinu build layouts.kinu --layout "$1" -o "on_$1"
"./on_$1" info > "info_$1.txt"
python3 - "plan_$1.json" "info_$1.txt" "$1" <<'PYTHON'
import json, re, sys
plan, info = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
stage = plan["stages"][0]
memory = dict(stage["memory"])
arena = memory.pop("arena")
built = int(re.search(r"arena ([\d,]+) bytes", info)[1].replace(",", ""))
assert arena == built, f"plan: arena {arena}, executable: {built}"
assert sum(memory.values()) == arena, f"parts are {sum(memory.values())} of {arena}"
assert re.search(r"in %d micro-batches" % plan["micro_batches"], info), "micro-batches"
for work in stage["work"]:
    found = re.search(rf"program {work['program']}: \d+ launches, ([\d.]+) Gflop", info)
    assert found, work["program"]
    assert abs(float(found[1]) - work["operations"] * 1e-9) < 6e-4, (found[0], work)
print(f"{sys.argv[3]}: arena {arena}, as built")
PYTHON
