// RUN: kinu-opt %s --kinu-merge-reductions | FileCheck %s

!x = !kinu.tensor<seq=64 : f32>
!s = !kinu.tensor<layer=2, seq=64 : f32>
!i = !kinu.tensor<i64>

// What `reduce` does goes behind the last write of each gradient in the last micro-batch, of which there are two here; other
// micro-batches send nothing, and nothing is copied.
module attributes {kinu.micro_batches = 2 : i64, kinu.layout = {overlap = ["gradients"], bucket = 1000}} {
tofu.mesh ["data"] [2]
kinu.variable @a.gradient gradient zeros(0.0, 0.0) : !s
kinu.variable @b.gradient gradient zeros(0.0, 0.0) : !x
// CHECK-LABEL: kinu.program @micro {
// CHECK-NOT: tofu.
// CHECK-LABEL: kinu.program @micro.last {
// CHECK: %[[A:.*]] = step.launch @f
// CHECK-NEXT: kinu.write @a.gradient[%[[R1:.*]] : !kinu.tensor<i64>], %[[A]]
// CHECK: %[[A1:.*]] = kinu.read @a.gradient
// CHECK-NEXT: %[[S:.*]] = tofu.all_reduce sum %[[A1]] on ["data"]
// CHECK-NEXT: kinu.write @a.gradient[{{.*}}], %[[S]]
// CHECK-NEXT: %[[B:.*]] = step.launch @f
// CHECK-NEXT: kinu.write @b.gradient, %[[B]]
// CHECK-NEXT: %[[B1:.*]] = kinu.read @b.gradient
// CHECK-NEXT: %[[T:.*]] = tofu.all_reduce sum %[[B1]] on ["data"]
// CHECK-NEXT: kinu.write @b.gradient, %[[T]]
// CHECK-NEXT: step.launch @f
// CHECK-NEXT: kinu.output "y"
// CHECK-NOT: kinu.program @reduce
kinu.program @micro {
  %x = kinu.input "x" : !x
  %r = kinu.constant(1 : i64) : <i64>
  %a = step.launch @f(%x) "a" : (!x) -> !x
  kinu.write @a.gradient[%r : !i], %a : !x
  %b = step.launch @f(%a) "b" : (!x) -> !x
  kinu.write @b.gradient, %b : !x
  %y = step.launch @f(%b) "y" : (!x) -> !x
  kinu.output "y", %y : !x
}
kinu.program @reduce {
  %r = kinu.constant(1 : i64) : <i64>
  %a = kinu.read @a.gradient[%r : !i] : !x
  %s = tofu.all_reduce sum %a on ["data"] : !x
  %c = step.launch @copy(%s) "" : (!x) -> !x
  kinu.write @a.gradient[%r : !i], %c : !x
  %b = kinu.read @b.gradient : !x
  %t = tofu.all_reduce sum %b on ["data"] : !x
  kinu.write @b.gradient, %t : !x
}
step.kernel @f loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
// CHECK-NOT: step.kernel @copy
step.kernel @copy loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  kinu.yield %x : !x
}
}
