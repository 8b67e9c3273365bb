// RUN: kinu-opt %s --kinu-unroll-repeats --split-input-file | FileCheck %s

!h = !kinu.tensor<seq=4 : f32>
!s = !kinu.tensor<layer=2, seq=4 : f32>
!i = !kinu.tensor<i64>

kinu.variable @w weight normal(0.0, 0.02) : !s

// Two rounds, and back from the last to the first: each round reads its own slice, hands on its result, and finds the
// value that the forward round of the same number saved.
// CHECK-LABEL: kinu.program @micro
// CHECK: %[[H:.*]] = kinu.input "h"
// CHECK: %[[R0:.*]] = kinu.constant(0 : i64)
// CHECK: %[[W0:.*]] = kinu.read @w[%[[R0]] :
// CHECK: %[[Y0:.*]] = step.launch @add(%[[H]], %[[W0]])
// CHECK: %[[R1:.*]] = kinu.constant(1 : i64)
// CHECK: %[[W1:.*]] = kinu.read @w[%[[R1]] :
// CHECK: %[[Y1:.*]] = step.launch @add(%[[Y0]], %[[W1]])
// CHECK: %[[B1:.*]] = step.launch @add(%[[Y1]], %[[Y1]])
// CHECK: %[[B0:.*]] = step.launch @add(%[[B1]], %[[Y0]])
// CHECK: kinu.output "b", %[[B0]]
// CHECK-NOT: kinu.repeat
kinu.program @micro {
  %h = kinu.input "h" : !h
  %y, %kept = kinu.repeat "layer" 2 carried(%h : !h) stacked() -> carried(!h) sums() saved(!s) {
  ^bb0(%layer: !i, %x: !h):
    %w = kinu.read @w[%layer : !i] : !h
    %n = step.launch @add(%x, %w) "m.kinu:1" : (!h, !h) -> !h
    kinu.yield %n, %n : !h, !h
  }
  %b = kinu.repeat "layer" 2 reverse carried(%y : !h) stacked(%kept : !s) -> carried(!h) sums() saved() {
  ^bb0(%layer: !i, %x: !h, %k: !h):
    %n = step.launch @add(%x, %k) "m.kinu:1" : (!h, !h) -> !h
    kinu.yield %n : !h
  }
  kinu.output "b", %b : !h
}
step.kernel @add loops rows ["seq"] inplace [] {
^bb0(%x: !h, %y: !h):
  %z = kinu.add %x, %y : (!h, !h) -> !h
  kinu.yield %z : !h
}

// -----

// A kernel that wants its round's index reads it from a table, which the program `constants` writes.
!h = !kinu.tensor<seq=4 : f32>
!i = !kinu.tensor<i64>
// CHECK: kinu.variable @round.index table zeros({{.*}}) : !kinu.tensor<round=3 : i64>
// CHECK-LABEL: kinu.program @eval
// CHECK: %[[R2:.*]] = kinu.constant(2 : i64)
// CHECK: %[[I2:.*]] = kinu.read @round.index[%[[R2]] :
// CHECK: step.launch @scale(%{{.*}}, %[[I2]])
// CHECK-LABEL: kinu.program @constants
// CHECK: %[[T:.*]] = step.launch @round_index()
// CHECK: kinu.write @round.index, %[[T]]
kinu.program @eval {
  %h = kinu.input "h" : !h
  %y = kinu.repeat "layer" 3 carried(%h : !h) stacked() -> carried(!h) sums() saved() {
  ^bb0(%layer: !i, %x: !h):
    %n = step.launch @scale(%x, %layer) "m.kinu:1" : (!h, !i) -> !h
    kinu.yield %n : !h
  }
  kinu.output "y", %y : !h
}
step.kernel @scale loops rows ["seq"] inplace [] {
^bb0(%x: !h, %i: !i):
  %f = kinu.to_float %i : (!i) -> !kinu.tensor<f32>
  %z = kinu.mul %x, %f : (!h, !kinu.tensor<f32>) -> !h
  kinu.yield %z : !h
}

// -----

// A repeat inside a repeat is written out round by round; both rounds name a slice.
!h = !kinu.tensor<seq=4 : f32>
!i = !kinu.tensor<i64>
// CHECK-LABEL: kinu.variable @nested
// CHECK-COUNT-6: step.launch @add
// CHECK-NOT: step.launch
// A program without repeats is left alone, and no table of rounds is made.
// CHECK-LABEL: kinu.program @straight
// CHECK-NEXT: %[[H:.*]] = kinu.input "h"
// CHECK-NEXT: kinu.output "h", %[[H]]
// CHECK-NOT: @round.index
kinu.variable @nested weight normal(0.0, 0.02) : !kinu.tensor<stage=2, layer=3, seq=4 : f32>
kinu.program @eval {
  %h = kinu.input "h" : !h
  %y = kinu.repeat "stage" 2 carried(%h : !h) stacked() -> carried(!h) sums() saved() {
  ^bb0(%stage: !i, %x: !h):
    %n = kinu.repeat "layer" 3 carried(%x : !h) stacked() -> carried(!h) sums() saved() {
    ^bb0(%layer: !i, %v: !h):
      %w = kinu.read @nested[%stage, %layer : !i, !i] : !h
      %m = step.launch @add(%v, %w) "m.kinu:1" : (!h, !h) -> !h
      kinu.yield %m : !h
    }
    kinu.yield %n : !h
  }
  kinu.output "y", %y : !h
}
kinu.program @straight {
  %h = kinu.input "h" : !h
  kinu.output "h", %h : !h
}
step.kernel @add loops rows ["seq"] inplace [] {
^bb0(%x: !h, %y: !h):
  %z = kinu.add %x, %y : (!h, !h) -> !h
  kinu.yield %z : !h
}

// -----

// What a round saved may be the result of a repeat inside it: a later repeat gets what its last round carried.
!h = !kinu.tensor<seq=4 : f32>
!s = !kinu.tensor<stage=2, seq=4 : f32>
!i = !kinu.tensor<i64>
// CHECK-LABEL: kinu.program @inner_result
// CHECK: step.launch @add
// CHECK: %[[FIRST:.*]] = step.launch @add
// CHECK: step.launch @add(%[[FIRST]],
// CHECK: %[[SECOND:.*]] = step.launch @add
// CHECK: step.launch @add(%{{.*}}, %[[SECOND]])
// CHECK: step.launch @add(%{{.*}}, %[[FIRST]])
kinu.program @inner_result {
  %h = kinu.input "h" : !h
  %y, %kept = kinu.repeat "stage" 2 carried(%h : !h) stacked() -> carried(!h) sums() saved(!s) {
  ^bb0(%stage: !i, %x: !h):
    %n = kinu.repeat "layer" 2 carried(%x : !h) stacked() -> carried(!h) sums() saved() {
    ^bb0(%layer: !i, %v: !h):
      %m = step.launch @add(%v, %v) "m.kinu:1" : (!h, !h) -> !h
      kinu.yield %m : !h
    }
    kinu.yield %n, %n : !h, !h
  }
  %z = kinu.repeat "stage" 2 reverse carried(%h : !h) stacked(%kept : !s) -> carried(!h) sums() saved() {
  ^bb0(%stage: !i, %x: !h, %k: !h):
    %m = step.launch @add(%x, %k) "m.kinu:2" : (!h, !h) -> !h
    kinu.yield %m : !h
  }
  kinu.output "z", %z : !h
}
step.kernel @add loops rows ["seq"] inplace [] {
^bb0(%x: !h, %y: !h):
  %z = kinu.add %x, %y : (!h, !h) -> !h
  kinu.yield %z : !h
}
