# dot.sh ELEMENT PROMOTE LHS RHS RESULT: prints the kernel of one product over the axis k. Operands are of ELEMENT, the
# result of f32; PROMOTE is the number of terms summed in fp16, 0 for none. Axes as in "m=768, k=768".
promote=
if (($2)); then promote=" promote $2"; fi
a="!kinu.tensor<$3 : $1>" b="!kinu.tensor<$4 : $1>" c="!kinu.tensor<$5 : f32>"
cat <<END
step.kernel @dot contraction rows [] inplace [] {
^bb0(%a: $a, %b: $b):
  %c = kinu.dot %a, %b over ["k"]$promote : ($a, $b) -> $c
  kinu.yield %c : $c
}
END
