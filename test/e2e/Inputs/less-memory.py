# less-memory.py AGAIN KEPT: two plans of the same pipeline, of which the first one's first stage computes its layers again:
# this stage has fewer activations and more work forward and backward, the others are the same to the byte.
import json
import sys

again, kept = (json.load(open(path))["stages"] for path in sys.argv[1:])


def operations(stage):
    return {work["program"]: work["operations"] for work in stage["work"]}


print("activations:", [stage["memory"]["activations"] for stage in again], "and", [stage["memory"]["activations"] for stage in kept])
assert again[0]["memory"]["activations"] < kept[0]["memory"]["activations"]
assert again[1:] == kept[1:]
assert operations(again[0])["backward"] > operations(kept[0])["backward"]
