// All functions that are written out as arithmetic, of the same numbers: what a64fx-functions.c checks.
!x = !kinu.tensor<n=458752 : f32>
!s = !kinu.tensor<f32>
step.kernel @functions loops rows ["n"] inplace [] {
^bb0(%x: !x):
  %exp = kinu.exp %x : !x
  %log = kinu.log %x : !x
  %tanh = kinu.tanh %x : !x
  %erf = kinu.erf %x : !x
  %sqrt = kinu.sqrt %x : !x
  %one = kinu.constant(1.0) : !s
  %rsqrt = kinu.div %one, %sqrt : (!s, !x) -> !x
  %sin = kinu.sin %x : !x
  %cos = kinu.cos %x : !x
  kinu.yield %exp, %log, %tanh, %erf, %sqrt, %rsqrt, %sin, %cos : !x, !x, !x, !x, !x, !x, !x, !x
}
