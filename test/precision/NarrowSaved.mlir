// RUN: kinu-opt %s --kinu-narrow-saved --canonicalize --cse | FileCheck %s

// Of four saved values the first is a 16-bit number already, the second is read in 16 bits only: both are saved so. The
// third is read in both formats and the fourth in f32: they stay.
!c = !kinu.tensor<embed=8 : f32>
!n = !kinu.tensor<embed=8 : bf16>
!s = !kinu.tensor<layer=3, embed=8 : f32>
module {
  kinu.variable @h weight zeros(0.0, 0.0) : !c
  // CHECK-LABEL: kinu.program @micro
  kinu.program @micro {
    %h = kinu.read @h : !c
    // CHECK: kinu.repeat "layer" 3 carried({{.*}}) stacked()
    // CHECK-SAME: saved(!kinu.tensor<layer=3, embed=8 : bf16>, !kinu.tensor<layer=3, embed=8 : bf16>, !kinu.tensor<layer=3, embed=8 : f32>, !kinu.tensor<layer=3, embed=8 : f32>)
    %r, %saved:4 = kinu.repeat "layer" 3 carried(%h : !c) stacked() -> carried(!c) sums() saved(!s, !s, !s, !s) {
    ^bb0(%i: !kinu.tensor<i64>, %x: !c):
      // CHECK: %[[TANH:.*]] = kinu.tanh
      // CHECK: %[[NARROW:.*]] = kinu.cast %[[TANH]]
      %0 = kinu.tanh %x : !c
      %1 = kinu.cast %0 : (!c) -> !n
      %2 = kinu.cast %1 : (!n) -> !c
      // CHECK: %[[EXP:.*]] = kinu.exp
      // CHECK: %[[ONLY:.*]] = kinu.cast %[[EXP]]
      %3 = kinu.exp %x : !c
      // CHECK: kinu.yield %{{.*}}, %[[NARROW]], %[[ONLY]],
      kinu.yield %3, %2, %3, %x, %0 : !c, !c, !c, !c, !c
    }
    // CHECK: kinu.repeat "layer" 3 reverse
    // CHECK-NEXT: ^bb0(%{{.*}}: !kinu.tensor<i64>, %{{.*}}: !kinu.tensor<embed=8 : f32>, %[[A:.*]]: !kinu.tensor<embed=8 : bf16>, %[[B:.*]]: !kinu.tensor<embed=8 : bf16>, %[[C:.*]]: !kinu.tensor<embed=8 : f32>, %[[D:.*]]: !kinu.tensor<embed=8 : f32>):
    // CHECK: %[[WIDE:.*]] = kinu.cast %[[A]]
    // CHECK: kinu.neg %[[WIDE]]
    // CHECK: kinu.dot %[[B]], %[[B]]
    // CHECK: kinu.cast %[[C]]
    // CHECK: kinu.add %[[C]], %[[D]]
    %b = kinu.repeat "layer" 3 reverse carried(%r : !c) stacked(%saved#0 : !s, %saved#1 : !s, %saved#2 : !s, %saved#3 : !s) -> carried(!c) sums() saved() {
    ^bb0(%i: !kinu.tensor<i64>, %g: !c, %p: !c, %q: !c, %u: !c, %v: !c):
      %0 = kinu.neg %p : !c
      %1 = kinu.cast %q : (!c) -> !n
      %2 = kinu.dot %1, %1 over ["embed"] : (!n, !n) -> !kinu.tensor<f32>
      %3 = kinu.cast %u : (!c) -> !n
      %4 = kinu.dot %3, %3 over ["embed"] : (!n, !n) -> !kinu.tensor<f32>
      %5 = kinu.add %u, %v : (!c, !c) -> !c
      %6 = kinu.mul %5, %2 : (!c, !kinu.tensor<f32>) -> !c
      %7 = kinu.mul %6, %4 : (!c, !kinu.tensor<f32>) -> !c
      %8 = kinu.add %7, %0 : (!c, !c) -> !c
      kinu.yield %8 : !c
    }
    kinu.output "b", %b : !c
  }
}
