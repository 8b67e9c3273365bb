# same-ops.py FILE FILE ...: pairs of files with IR that must have as many ops of each kind, and texts of like size.
import collections
import os
import re
import sys


def kinds(path):
    return collections.Counter(re.findall(r"^\s*(?:%\S+ = |%\S+, .* = )?((?:kinu|tofu|step)\.\w+)", open(path).read(), re.M))


files = sys.argv[1:]
for few, many in zip(files[::2], files[1::2]):
    a, b = kinds(few), kinds(many)
    sizes = os.path.getsize(few), os.path.getsize(many)
    differ = {kind: (a[kind], b[kind]) for kind in a | b if a[kind] != b[kind]}
    if abs(sizes[0] - sizes[1]) > 0.1 * sizes[0]:  # numbers have more digits
        differ["bytes of text"] = sizes
    names = ", ".join(os.path.basename(name) for name in (few, many))
    print(f"{names}: {sum(a.values())} ops of {len(a)} kinds, {differ or 'alike'}")
