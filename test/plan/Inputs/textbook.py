# The bytes that `kinu plan` says, converted by the factors of rings, are those of the textbook. Sizes as in layouts.kinu:
# batch 8, seq 32, width 32, micro-batches as planned. Narayanan et al., 2021 (tensor), Rajbhandari et al., 2020 (ZeRO).
import json
import subprocess

FLOAT = 4


def plan(layout, **sizes):
    defines = [part for name, size in sizes.items() for part in ("-D", f"{name}={size}")]
    out = subprocess.run(["kinu", "plan", "layouts.kinu", "--layout", layout, "--json", *defines],
                         check=True, capture_output=True).stdout
    return json.loads(out)


def sent(plan, axis, program=None, least=0):
    """Elements that a rank sends over one mesh axis, without calls of few bytes."""
    return sum(m["sent"] for m in plan["stages"][0]["messages"]
               if m["over"] == [axis] and program in (None, m["program"]) and m["payload"] > least * m["calls"]) / FLOAT


def per_layer(layout, axis, program):
    two, four = plan(layout, depth=2), plan(layout, depth=4)
    return (sent(four, axis, program) - sent(two, axis, program)) / 2, two


def expect(what, found, wanted):
    assert abs(found - wanted) <= 1e-6 * wanted, f"{what}: {found} elements, textbook says {wanted}"
    print(f"{what}: {found:.0f} elements, as in the textbook")


# Tensor parallel: 8 b s h (t - 1) / t elements per layer and micro-batch; and the means and gains of norms, which have no
# h or no b s: they are summed before the residual stream is.
for layout, ranks in (("tensor", 2), ("tensor4", 4)):
    found, one = per_layer(layout, "tensor", "micro")
    b = one["sequences_of_rank"] * one["micro_batches"]
    norms = 2 * (b * 32 + 32) * 2 * (ranks - 1) / ranks
    wanted = 8 * b * 32 * 32 * (ranks - 1) / ranks
    assert wanted <= found <= wanted + norms, f"{layout}: {found} elements, textbook says {wanted}"
    print(f"{layout}, a layer: {found:.0f} elements, textbook says {wanted:.0f} and norms at most {norms:.0f}")

# Sequence parallel: the same, and 2 where the backward pass gathers again.
found, one = per_layer("sequence", "tensor", "micro")
b = one["sequences_of_rank"] * one["micro_batches"]
least, most = 8 * b * 32 * 32 / 2, 10 * b * 32 * 32 / 2
print(f"sequence, a layer: {found:.0f} elements, textbook says {least:.0f} to {most:.0f}")
assert least <= found <= most

# Data parallel and ZeRO 1 and 2: twice the parameters (d - 1) / d; ZeRO 3: three times per micro-batch.
for layout, factor in (("data", 2), ("zero1", 2), ("zero2", 2)):
    one = plan(layout)
    parameters = one["parameters"]
    expect(f"{layout}, a step", sent(one, "data", least=64), factor * parameters / 2)
one = plan("zero3")
expect("zero3, a step", sent(one, "data", least=64), 3 * one["micro_batches"] * one["parameters"] / 2)
