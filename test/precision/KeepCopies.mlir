// RUN: kinu-opt %s --kinu-keep-copies --canonicalize --cse | FileCheck %s

// A weight that is read in 16 bits gets a copy, stacked as it is, which `update` writes and `refresh` computes; the
// moment, whose cast is no weight's, and the weight that is read in f32 get none.
!w = !kinu.tensor<layer=2, embed=8 : f32>
!s = !kinu.tensor<embed=8 : f32>
!n = !kinu.tensor<embed=8 : bf16>
// CHECK: kinu.variable @w weight
// CHECK: kinu.variable @w.moment1 moment1
// CHECK: kinu.variable @w.copy copy zeros({{.*}}) of "w" : !kinu.tensor<layer=2, embed=8 : bf16>
// CHECK-NOT: kinu.variable
module {
  kinu.variable @w weight normal(0.0, 0.02) : !w
  kinu.variable @v weight normal(0.0, 0.02) : !s
  kinu.variable @w.moment1 moment1 zeros(0.0, 0.0) of "w" : !w
  // CHECK-LABEL: kinu.program @eval
  kinu.program @eval {
    %one = kinu.constant(1) : !kinu.tensor<i64>
    // CHECK: %[[COPY:.*]] = kinu.read @w.copy[%{{.*}} : !kinu.tensor<i64>] : <embed=8 : bf16>
    // CHECK-NOT: kinu.cast
    %w = kinu.read @w[%one : !kinu.tensor<i64>] : !s
    %0 = kinu.cast %w : (!s) -> !n
    %1 = kinu.dot %0, %0 over ["embed"] : (!n, !n) -> !kinu.tensor<f32>
    %v = kinu.read @v : !s
    %2 = kinu.mul %v, %1 : (!s, !kinu.tensor<f32>) -> !s
    // CHECK: kinu.output
    kinu.output "o", %2 : !s
    // CHECK: kinu.read @w.moment1
    // CHECK: kinu.cast
    %m = kinu.read @w.moment1[%one : !kinu.tensor<i64>] : !s
    %3 = kinu.cast %m : (!s) -> !n
    kinu.output "m", %3 : !n
  }
  // CHECK-LABEL: kinu.program @update
  kinu.program @update {
    // CHECK: kinu.write @w, %[[NEW:[0-9]+]] :
    // CHECK: %[[NARROW:.*]] = kinu.cast %[[NEW]]
    // CHECK: kinu.write @w.copy, %[[NARROW]]
    %w = kinu.read @w : !w
    %0 = kinu.neg %w : !w
    kinu.write @w, %0 : !w
    %v = kinu.read @v : !s
    %1 = kinu.neg %v : !s
    // CHECK: kinu.write @v,
    // CHECK-NEXT: }
    kinu.write @v, %1 : !s
  }
  // CHECK-LABEL: kinu.program @refresh
  // CHECK-NEXT: %[[W:.*]] = kinu.read @w
  // CHECK-NEXT: %[[C:.*]] = kinu.cast %[[W]]
  // CHECK-NEXT: kinu.write @w.copy, %[[C]]
  // CHECK-NEXT: }
}
