# The bytes that `kinu plan` says, converted by the factors of rings, are those of the textbook. Sizes as in layouts.kinu:
# batch 8, seq 32, width 32, micro-batches as planned. Narayanan et al., 2021 (tensor), Rajbhandari et al., 2020 (ZeRO).
import json
import subprocess

FLOAT = 4


def plan(layout, spec="layouts.kinu", **sizes):
    defines = [part for name, size in sizes.items() for part in ("-D", f"{name}={size}")]
    out = subprocess.run(["kinu", "plan", spec, "--layout", layout, "--json", *defines],
                         check=True, capture_output=True).stdout
    return json.loads(out)


def sent(plan, axis, program=None, kind=None):
    """Elements that a rank sends over one mesh axis; of all programs but what the runtime sends."""
    return sum(m["sent"] for m in plan["stages"][0]["messages"]
               if m["over"] == [axis] and m["program"] != "step" and program in (None, m["program"])
               and kind in (None, m["kind"])) / FLOAT


def per_layer(layout, axis, program):
    two, four = plan(layout, depth=2), plan(layout, depth=4)
    return (sent(four, axis, program) - sent(two, axis, program)) / 2, two


# Tensor parallel: 8 b s h (t - 1) / t elements per layer and micro-batch, 4 more at most where everything is computed again;
# and the means and gains of norms, which have no h or no b s: they are summed before the residual stream is.
for layout, ranks, again in (("tensor", 2, 0), ("tensor4", 4, 0), ("again", 2, 4)):
    found, one = per_layer(layout, "tensor", "micro")
    b = one["sequences_of_rank"] * one["micro_batches"]
    norms = 2 * (b * 32 + 32) * 2 * (ranks - 1) / ranks
    wanted, most = ((8 + more) * b * 32 * 32 * (ranks - 1) / ranks for more in (0, again))
    assert wanted <= found <= most + norms, f"{layout}: {found} elements, textbook says {wanted}"
    print(f"{layout}, a layer: {found:.0f} elements, textbook says {wanted:.0f} and norms at most {norms:.0f}")

# Sequence parallel: the same, and 2 where the backward pass gathers again.
found, one = per_layer("sequence", "tensor", "micro")
b = one["sequences_of_rank"] * one["micro_batches"]
least, most, norms = 8 * b * 32 * 32 / 2, 10 * b * 32 * 32 / 2, 2 * (b * 32 + 32)
print(f"sequence, a layer: {found:.0f} elements, textbook says {least:.0f} to {most:.0f}, and norms at most {norms:.0f}")
assert least <= found <= most + norms

# Ring attention: forward each rank sends the keys and values of all other ranks on, 2 b s kv (n - 1) / n elements per
# layer and micro-batch, backward these and their gradients. Liu et al., 2023.
for layout, ranks in (("ring", 2), ("ring4", 4)):
    two, four = plan(layout, depth=2), plan(layout, depth=4)
    found = (sent(four, "context", "micro", "shift") - sent(two, "context", "micro", "shift")) / 2
    b = two["sequences_of_rank"] * two["micro_batches"]
    wanted = 6 * b * 32 * 32 * (ranks - 1) / ranks
    print(f"{layout}, a layer: {found:.0f} elements of keys and values, textbook says {wanted:.0f}")
    assert found == wanted, layout

# Data parallel and ZeRO 1: twice the parameters (d - 1) / d. ZeRO 2: gradients are scattered in every micro-batch, since
# no rank keeps more of them than its part, and weights gathered once: twice the parameters for one micro-batch. ZeRO 3:
# three times per micro-batch. The gradient of the table of positions (32 x 32) is summed in every micro-batch besides;
# ZeRO 3 gathers what forward and backward pass both use at their border, the tied embedding (64 x 32), once. 8 scalars
# at most. Messages behind computation are the same messages.
for layout in ("data", "zero1", "zero2", "zero2_twice", "zero3", "overlap_data", "overlap_zero1", "overlap_zero3"):
    one = plan(layout)
    micro_batches = one["micro_batches"]
    of_gradients, of_all = 1 + micro_batches, 3 * micro_batches
    times = {"zero2": of_gradients, "zero2_twice": of_gradients, "zero3": of_all, "overlap_zero3": of_all}.get(layout, 2)
    wanted, found = times * one["parameters"] / 2, sent(one, "data")
    positions = 2 * micro_batches * 32 * 32
    print(f"{layout}, a step: {found:.0f} elements, textbook says {wanted:.0f} and positions {positions:.0f}")
    assert abs(found - wanted) <= positions + 8, layout

# Experts on the ranks of the sequences: b sequences of a rank, E experts with s slots each, width h. What experts are given
# and what they give goes to other ranks, forward and backward, and backward once more what they were given, which is kept
# by the ranks of the sequences: 5 b E s h (n - 1) / n elements per layer.
sizes = dict(accumulate=1, vocab=64, width=32, hidden=48, groups=2, reps=2, experts=4, context=16, batch=8, seq=16)
two, four = (plan("experts", "experts.kinu", depth=depth, **sizes) for depth in (2, 4))
found = (sent(four, "data", "micro", "all_to_all") - sent(two, "data", "micro", "all_to_all")) / 2
slots = 5 * 16 * 2 // (4 * 4)
wanted = 5 * two["sequences_of_rank"] * 4 * slots * 32 / 2
print(f"experts, a layer: {found:.0f} elements, the formula says {wanted:.0f}")
assert found == wanted
