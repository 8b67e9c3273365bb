// A variable's memory is not written while its old value is wanted, and only launches can write there.
// RUN: kinu-opt %s --kinu-allocate --split-input-file --verify-diagnostics

!x = !kinu.tensor<seq=64 : f32>
kinu.variable @w weight normal(0.0, 0.02) : !x
kinu.program @update {
  %w = kinu.read @w : !x
  %a = step.launch @apart(%w) "a" : (!x) -> !x
  // expected-error @below {{overwrites what step.launch still reads}}
  kinu.write @w, %a : !x
}
step.kernel @apart loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}

// -----

!x = !kinu.tensor<seq=64 : f32>
kinu.variable @w weight normal(0.0, 0.02) : !x
kinu.program @update {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires a value that a launch or a collective computes}}
  kinu.write @w, %x : !x
}
