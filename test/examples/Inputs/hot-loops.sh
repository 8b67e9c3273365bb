# hot-loops.sh ASSEMBLY LEAST: for every contraction and attention kernel of an A64FX build, the most `fmla` on whole SVE
# registers that the body of one of its innermost loops holds. Fails if that is below LEAST anywhere, or if there is an
# `fmla` on a 128-bit register.
set -euo pipefail
awk -v least="$2" '
  function report() {
    if (kernel ~ /contraction|attention/) {
      printf "%s: %d fmla in a loop\n", kernel, most
      kernels++
      if (most < least) bad = 1
    }
  }
  /^\/\/ k[0-9]+_/ { report(); kernel = $2; most = 0 }
  /^[.A-Za-z_0-9]+:/ { label = $1; sub(":.*", "", label); inside = 0 }
  /fmla[ \t]+z[0-9]+\.s/ { inside++ }
  /fmla[ \t]+v[0-9]+\./ { print "128 bits: " $0; bad = 1 }
  /^[ \t]+(b|cb|tb)[a-z.]*[ \t].*\.LBB/ { if ($NF == label && inside > most) most = inside }
  END { report(); exit bad || !kernels }' "$1"
