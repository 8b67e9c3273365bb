# ratio.py PLAN OTHER: what two plans have in common, and whether the other one's modelled step takes at most 0.6 of the time.
import json
import sys

plans = [json.load(open(path)) for path in sys.argv[1:]]
for plan in plans:
    arena = max(stage["memory"]["arena"] for stage in plan["stages"])
    fits = "fits" if arena <= plan["memory_of_rank"] else f"{arena} bytes of {plan['memory_of_rank']}"
    print(f"{plan['layout']}: {plan['nodes']} nodes, {plan['batch']} sequences, {fits}")
first, other = (plan["modelled_seconds"]["total"] for plan in plans)
ratio = other / first
print(f"{plans[1]['layout']} / {plans[0]['layout']}: {'at most 0.6' if ratio <= 0.6 else ratio} ({other:.2f} s, {first:.2f} s)")
