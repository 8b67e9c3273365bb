// RUN: kinu-opt %s --kinu-lower-repeat-sums | FileCheck %s

!h = !kinu.tensor<seq=3 : f32>
!f = !kinu.tensor<f32>
!s = !kinu.tensor<layer=2, seq=3 : f32>

// A sum starts at zero, is carried behind the carried values, and grows by each round's value; what is saved stays last.
// CHECK-LABEL: kinu.program @sums
// CHECK: %[[H:.*]] = kinu.input "h"
// CHECK: %[[ZERO:.*]] = kinu.constant(0.000000e+00
// CHECK: %[[START:.*]] = kinu.broadcast %[[ZERO]]
// CHECK: %[[R:.*]]:2, %[[SAVED:.*]] = kinu.repeat "layer" 2 carried(%[[H]] : {{.*}}, %[[START]] : !kinu.tensor<f32>) stacked()
// CHECK-SAME: sums() saved(!kinu.tensor<layer=2, seq=3 : f32>)
// CHECK: ^bb0(%{{.*}}: !kinu.tensor<i64>, %[[X:.*]]: !kinu.tensor<seq=3 : f32>, %[[TOTAL:.*]]: !kinu.tensor<f32>):
// CHECK: %[[Y:.*]] = kinu.tanh %[[X]]
// CHECK: %[[PART:.*]] = kinu.reduce sum %[[Y]]
// CHECK: %[[NEXT:.*]] = kinu.add %[[TOTAL]], %[[PART]]
// CHECK: kinu.yield %[[Y]], %[[NEXT]], %[[X]]
// CHECK: kinu.output "h", %[[R]]#0
// CHECK: kinu.output "sum", %[[R]]#1
// CHECK: kinu.output "saved", %[[SAVED]]
kinu.program @sums {
  %h = kinu.input "h" : !h
  %y, %sum, %saved = kinu.repeat "layer" 2 carried(%h : !h) stacked() -> carried(!h) sums(!f) saved(!s) {
  ^bb0(%layer: !kinu.tensor<i64>, %x: !h):
    %t = kinu.tanh %x : !h
    %p = kinu.reduce sum %t over ["seq"] : (!h) -> !f
    kinu.yield %t, %p, %x : !h, !f, !h
  }
  kinu.output "h", %y : !h
  kinu.output "sum", %sum : !f
  kinu.output "saved", %saved : !s
}

// A repeat without sums is left as it is.
// CHECK-LABEL: kinu.program @none
// CHECK-NOT: kinu.constant
// CHECK: kinu.repeat "layer" 2 carried(%{{[^,]*}}) stacked()
kinu.program @none {
  %h = kinu.input "h" : !h
  %y = kinu.repeat "layer" 2 carried(%h : !h) stacked() -> carried(!h) sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>, %x: !h):
    %t = kinu.tanh %x : !h
    kinu.yield %t : !h
  }
  kinu.output "h", %y : !h
}
