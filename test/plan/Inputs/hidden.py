# hidden.py LAYOUT gradients|weights LEAST MOST SPEC: the share of the time of sums (of gathers) in a step's passes that kernels
# hide is between the two.
import json, subprocess, sys

layout, what, least, most, spec = sys.argv[1:]
plan = json.loads(subprocess.check_output(["kinu", "plan", spec, "--layout", layout, "--json"]))
kinds = {"gradients": ("all_reduce", "reduce_scatter"), "weights": ("all_gather",)}[what]
rows = [row for stage in plan["stages"] for row in stage["messages"] if row["kind"] in kinds and row["program"] != "step"]
seconds, hidden = sum(row["seconds"] for row in rows), sum(row["hidden"] for row in rows)
print(f"{layout}: {what} take {seconds:.3f} s, {hidden:.3f} s hidden: {hidden / seconds:.1%}; a step "
      f"{plan['modelled_seconds']['total']:.3f} s")
sys.exit(not float(least) - 1e-9 <= hidden / seconds <= float(most) + 1e-9)
