// Programs, variables and repeats read back as they were printed.
// RUN: kinu-opt %s | FileCheck %s
// RUN: kinu-opt %s | kinu-opt | FileCheck %s

!i = !kinu.tensor<i64>
!h = !kinu.tensor<seq=3 : f32>
!s = !kinu.tensor<layer=2, seq=3 : f32>

// A path is a symbol; what belongs to a weight names it.
// CHECK: kinu.variable @layer.w weight normal(0.000000e+00, 2.000000e-02) : !kinu.tensor<layer=2, seq=3 : f32>
// CHECK: kinu.variable @layer.w.gradient gradient zeros(0.000000e+00, 0.000000e+00) of "layer.w"
kinu.variable @layer.w weight normal(0.0, 0.02) : !s
kinu.variable @layer.w.gradient gradient zeros(0.0, 0.0) of "layer.w" : !s

// CHECK-LABEL: kinu.program @micro
kinu.program @micro {
  // CHECK: kinu.input "ids" below 10 : <seq=3 : i64>
  // CHECK: %[[H:.*]] = kinu.input "h" : <seq=3 : f32>
  %ids = kinu.input "ids" below 10 : !kinu.tensor<seq=3 : i64>
  %h = kinu.input "h" : !h
  // A repeat carries, sums and saves; its body sees the round.
  // CHECK: kinu.repeat "layer" 2 carried(%[[H]] : !kinu.tensor<seq=3 : f32>) stacked() -> carried(!kinu.tensor<seq=3 : f32>) sums(!kinu.tensor<seq=3 : f32>) saved(!kinu.tensor<layer=2, seq=3 : f32>) {
  // CHECK: ^bb0(%[[ROUND:.*]]: !kinu.tensor<i64>, %{{.*}}: !kinu.tensor<seq=3 : f32>):
  %next, %sum, %kept = kinu.repeat "layer" 2 carried(%h : !h) stacked() -> carried(!h) sums(!h) saved(!s) {
  ^bb0(%layer: !i, %x: !h):
    // CHECK: kinu.read @layer.w[%[[ROUND]] : !kinu.tensor<i64>] : <seq=3 : f32>
    // CHECK: kinu.yield %{{.*}}, %{{.*}}, %{{.*}} :
    %w = kinu.read @layer.w[%layer : !i] : !h
    %y = kinu.add %x, %w : (!h, !h) -> !h
    kinu.yield %y, %w, %x : !h, !h, !h
  }
  // The way back goes from the last round to the first, over what was saved.
  // CHECK: kinu.repeat "layer" 2 reverse carried() stacked(%{{.*}} : !kinu.tensor<layer=2, seq=3 : f32>) -> carried() sums() saved()
  kinu.repeat "layer" 2 reverse carried() stacked(%kept : !s) -> carried() sums() saved() {
  ^bb0(%layer: !i, %x: !h):
    // CHECK: kinu.accumulate @layer.w.gradient[%{{.*}} : !kinu.tensor<i64>], %{{.*}} : <seq=3 : f32>
    kinu.accumulate @layer.w.gradient[%layer : !i], %x : !h
    kinu.yield
  }
  // CHECK: %[[W:.*]] = kinu.read @layer.w : <layer=2, seq=3 : f32>
  // CHECK: kinu.write @layer.w, %[[W]] : <layer=2, seq=3 : f32>
  // CHECK: kinu.output "sum", %{{.*}} : <seq=3 : f32>
  %all = kinu.read @layer.w : !s
  kinu.write @layer.w, %all : !s
  kinu.output "sum", %sum : !h
}
