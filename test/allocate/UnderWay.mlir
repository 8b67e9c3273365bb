// RUN: kinu-opt %s --kinu-allocate --split-input-file --verify-diagnostics | FileCheck %s

!x = !kinu.tensor<seq=64 : f32>
kinu.variable @g gradient zeros(0.0, 0.0) : !x

// What is sent and what is received stays until the wait, though nobody else reads it: of the two launches meanwhile none
// gets its place, nor does one take the place of its operand that is being sent. A sum of what a variable holds is made in
// the variable.
// CHECK-LABEL: kinu.program @micro
// CHECK: step.launch @f(%{{.*}}) "a" at [256, 512]
// CHECK: tofu.all_reduce async sum {{.*}} {kinu.offsets = array<i64: 512, [[RECEIVED:768]]>}
// CHECK: step.launch @f(%{{.*}}) "b" at [512, 0]
// CHECK: tofu.wait {{.*}} {kinu.offsets = array<i64: 512, [[RECEIVED]]>}
// CHECK: tofu.all_reduce async sum {{.*}} {kinu.offsets = array<i64: 0, 0>}
kinu.program @micro {
  %x = kinu.input "x" : !x
  %a = step.launch @f(%x) "a" : (!x) -> !x
  %s = tofu.all_reduce async sum %a on ["data"] : !x
  %b = step.launch @f(%a) "b" : (!x) -> !x
  %t = tofu.wait %s with %a : !x, !x
  %c = step.launch @add(%b, %t) "c" : (!x, !x) -> !x
  kinu.write @g, %c : !x
  %g = kinu.read @g : !x
  %h = tofu.all_reduce async sum %g on ["data"] : !x
  %o = step.launch @f(%x) "o" : (!x) -> !x
  %i = tofu.wait %h with %g : !x, !x
  kinu.write @g, %i : !x
  kinu.output "o", %o : !x
}
step.kernel @f loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
step.kernel @add loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x, %y: !x):
  %z = kinu.add %x, %y : (!x, !x) -> !x
  kinu.yield %z : !x
}

// -----

// A variable that is being sent is not written before the wait.
!x = !kinu.tensor<seq=64 : f32>
kinu.variable @g gradient zeros(0.0, 0.0) : !x
kinu.program @micro {
  %x = kinu.input "x" : !x
  %g = kinu.read @g : !x
  %h = tofu.all_reduce async sum %g on ["data"] : !x
  %y = step.launch @f(%x) "y" : (!x) -> !x
  // expected-error @below {{overwrites what tofu.wait still reads}}
  kinu.write @g, %y : !x
  %i = tofu.wait %h with %g : !x, !x
  kinu.output "i", %i : !x
}
step.kernel @f loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
