// Kernels, launches and views read back as they were printed.
// RUN: kinu-opt %s | FileCheck %s
// RUN: kinu-opt %s | kinu-opt | FileCheck %s

!x = !kinu.tensor<seq=3, embed=4 : f32>

// A kernel that may write its result over its operand.
// CHECK: step.kernel @k0_loops loops rows ["seq", "embed"] inplace [0, 0] {
// CHECK: ^bb0(%[[X:.*]]: !kinu.tensor<seq=3, embed=4 : f32>):
// CHECK: kinu.tanh %[[X]]
step.kernel @k0_loops loops rows ["seq", "embed"] inplace [0, 0] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}

// CHECK-LABEL: kinu.program @eval
kinu.program @eval {
  // CHECK: %[[IN:.*]] = kinu.input "x"
  // CHECK: %[[Y:.*]] = step.launch @k0_loops(%[[IN]]) "m.kinu:3" : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<seq=3, embed=4 : f32>
  // CHECK: step.view %[[Y]] : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<seq=3, head=2, dim=2 : f32>
  // CHECK: step.launch @k0_loops(%[[Y]]) "m.kinu:4" at [0, 256] :
  %x = kinu.input "x" : !x
  %y = step.launch @k0_loops(%x) "m.kinu:3" : (!x) -> !x
  %v = step.view %y : (!x) -> !kinu.tensor<seq=3, head=2, dim=2 : f32>
  %z = step.launch @k0_loops(%y) "m.kinu:4" at [0, 256] : (!x) -> !x
}
