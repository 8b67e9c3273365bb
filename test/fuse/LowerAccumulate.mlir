// RUN: kinu-opt %s --kinu-lower-accumulate --split-input-file | FileCheck %s

!w = !kinu.tensor<embed=4 : f32>

// The first micro-batch replaces the gradient, the others add to it: nothing needs to be zeroed.
// CHECK-LABEL: micro_batches = 2
// CHECK: %[[X:.*]] = kinu.input "x"
// CHECK: %[[FIRST:.*]] = kinu.input "$first" : <i1>
// CHECK: %[[OLD:.*]] = kinu.read @g
// CHECK: %[[ZERO:.*]] = kinu.constant(0.000000e+00
// CHECK: %[[KEPT:.*]] = kinu.select %[[FIRST]], %[[ZERO]], %[[OLD]]
// CHECK: %[[SUM:.*]] = kinu.add %[[X]], %[[KEPT]]
// CHECK: kinu.write @g, %[[SUM]]
// CHECK-NOT: kinu.accumulate
module attributes {kinu.micro_batches = 2 : i64} {
  kinu.variable @g gradient zeros(0.0, 0.0) of "w" : !w
  kinu.program @micro {
    %x = kinu.input "x" : !w
    kinu.accumulate @g, %x : !w
  }
}

// -----

// With one micro-batch a step there is nothing to add to: `$first` is not asked for and nothing is read.
!w = !kinu.tensor<embed=4 : f32>
!s = !kinu.tensor<layer=2, embed=4 : f32>
// CHECK-LABEL: micro_batches = 1
// CHECK-NOT: kinu.read
// CHECK-NOT: $first
// CHECK: ^bb0(%[[ROUND:.*]]: !kinu.tensor<i64>):
// CHECK: kinu.write @g[%[[ROUND]] : !kinu.tensor<i64>], %{{.*}}
// CHECK-NOT: kinu.accumulate
module attributes {kinu.micro_batches = 1 : i64} {
  kinu.variable @g gradient zeros(0.0, 0.0) of "w" : !s
  kinu.program @micro {
    %x = kinu.input "x" : !w
    kinu.repeat "layer" 2 carried() stacked() -> carried() sums() saved() {
    ^bb0(%layer: !kinu.tensor<i64>):
      kinu.accumulate @g[%layer : !kinu.tensor<i64>], %x : !w
      kinu.yield
    }
  }
}
