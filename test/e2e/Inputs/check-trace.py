# Traces of two steps: kernels and messages, in order, of the rank that the file is named after.
import json
import sys

for rank, path in enumerate(sys.argv[1:]):
    events = json.load(open(path))["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert all(e["pid"] == rank for e in events)
    assert sum(e["cat"] == "message" for e in spans) > 0
    assert sum(e["cat"] != "message" for e in spans) > 50
    ends = [e["ts"] + e["dur"] for e in spans]
    assert all(end <= later["ts"] + 1e-3 for end, later in zip(ends, spans[1:])), "launches overlap"
    messages = [e for e in spans if e["cat"] == "message"]
    assert len(messages) % 2 == 0, "two equal steps"
print("traces are sound")
