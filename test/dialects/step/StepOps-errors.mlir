// What kernels and views do not allow, each with its message.
// RUN: kinu-opt %s --split-input-file --verify-diagnostics

!x = !kinu.tensor<a=4 : f32>

// In-place is said in pairs.
// expected-error @below {{requires pairs of result and operand in `inplace`}}
step.kernel @k loops rows ["a"] inplace [0] {
^bb0(%x: !x):
  kinu.yield %x : !x
}

// -----

// The pair is of a result and an operand that there are.
!x = !kinu.tensor<a=4 : f32>
// expected-error @below {{requires `inplace` to name a result and an operand}}
step.kernel @k loops rows ["a"] inplace [0, 1] {
^bb0(%x: !x):
  kinu.yield %x : !x
}

// -----

// A kernel has results.
!x = !kinu.tensor<a=4 : f32>
// expected-error @below {{requires a region that ends with kinu.yield}}
step.kernel @k loops rows ["a"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
}

// -----

// A view has the bytes of what it views.
!x = !kinu.tensor<a=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires as many elements of the same type}}
  step.view %x : (!x) -> !kinu.tensor<b=2, c=3 : f32>
}

// -----

// A view converts nothing.
!x = !kinu.tensor<a=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires as many elements of the same type}}
  step.view %x : (!x) -> !kinu.tensor<a=4 : i64>
}

// -----

// A launch gives its kernel what that takes: as many axes, as long; their names are the kernel's own.
!x = !kinu.tensor<a=4 : f32>
!y = !kinu.tensor<b=5 : f32>
step.kernel @k loops rows ["a"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
kinu.program @p {
  %y = kinu.input "y" : !y
  // expected-error @below {{requires operand '!kinu.tensor<a=4 : f32>', as the kernel has, but it is '!kinu.tensor<b=5 : f32>'}}
  step.launch @k(%y) "tanh" : (!y) -> !y
}

// -----

// A launch names a kernel that there is.
!x = !kinu.tensor<a=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires a kernel of name @k}}
  step.launch @k(%x) "tanh" : (!x) -> !x
}

// -----

// After `allocate` every operand and result has a place.
!x = !kinu.tensor<a=4 : f32>
step.kernel @k loops rows ["a"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires an offset for each of its 2 operands and results, but has 1}}
  step.launch @k(%x) "tanh" at [0] : (!x) -> !x
}
