// RUN: kinu-opt %s --kinu-chunk-linear-cross-entropy=chunk-bytes=168 | FileCheck %s

// 168 bytes hold six rows of seven classes.
!h = !kinu.tensor<batch=3, seq=4, embed=2 : f32>
!w = !kinu.tensor<"token"=7, embed=2 : f32>
!t = !kinu.tensor<batch=3, seq=4 : i64>
!z = !kinu.tensor<batch=3, seq=4, "token"=7 : f32>
!row = !kinu.tensor<batch=3, seq=4 : f32>
!s = !kinu.tensor<f32>

// A loss and its gradients are one repeat over chunks of whole sequences, with three products: logits, dhidden and
// dweight. Inside nothing has more than a chunk's rows; the gradient's scale moves above the loss.
// CHECK-LABEL: kinu.program @pair
// CHECK: %[[G:.*]] = kinu.broadcast
// CHECK: %[[DW:.*]], %[[SAVED:.*]]:2 = kinu.repeat "batch" 3 carried() stacked() -> carried() sums(!kinu.tensor<"token"=7, embed=2 : f32>) saved(!kinu.tensor<batch=3, seq=4 : f32>, !kinu.tensor<batch=3, seq=4, embed=2 : f32>)
// CHECK-NEXT: ^bb0(%[[ROUND:.*]]: !kinu.tensor<i64>):
// CHECK-NEXT: %[[H:.*]] = kinu.lookup %{{.*}} ["batch"] at %[[ROUND]] {{.*}} -> !kinu.tensor<seq=4, embed=2 : f32>
// CHECK-NEXT: %[[T:.*]] = kinu.lookup %{{.*}} ["batch"] at %[[ROUND]]
// CHECK-NEXT: %[[GC:.*]] = kinu.lookup %[[G]] ["batch"] at %[[ROUND]]
// CHECK-NEXT: %[[Z:.*]] = kinu.dot %[[H]], %[[W:.*]] over ["embed"] {{.*}} -> !kinu.tensor<seq=4, "token"=7 : f32>
// CHECK: kinu.chain %[[GC]]
// CHECK: %[[DH:.*]] = kinu.dot %[[DZ:.*]], %[[W]] over ["token"]
// CHECK: %[[PART:.*]] = kinu.dot %[[DZ]], %[[H]] over ["seq"] {{.*}} -> !kinu.tensor<"token"=7, embed=2 : f32>
// CHECK-NEXT: kinu.yield %[[PART]], %{{.*}}, %[[DH]]
// CHECK-NOT: kinu.linear_cross_entropy
// CHECK: kinu.output "loss", %[[SAVED]]#0
// CHECK: kinu.output "dh", %[[SAVED]]#1
// CHECK: kinu.output "dw", %[[DW]]
kinu.program @pair {
  %h = kinu.input "h" : !h
  %w = kinu.input "w" : !w
  %t = kinu.input "t" below 7 : !t
  %n = kinu.input "n" : !s
  %loss, %lse = kinu.linear_cross_entropy %h, %w, %t sum ["embed"] over "token" : (!h, !w, !t) -> (!row, !row) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  }
  kinu.output "loss", %loss : !row
  %one = kinu.constant(1.0) : !s
  %i = kinu.div %one, %n : (!s, !s) -> !s
  %g = kinu.broadcast %i : (!s) -> !row
  %dh, %dw = kinu.linear_cross_entropy_backward %h, %w, %t, %lse, %g sum ["embed"] over "token" : (!h, !w, !t, !row, !row) -> (!h, !w) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  } {
  ^bb0(%z: !z, %dt: !z):
    kinu.yield %dt : !z
  }
  kinu.output "dh", %dh : !h
  kinu.output "dw", %dw : !w
}

// A gradient that depends on the loss comes later: the two ops become a repeat each.
// CHECK-LABEL: kinu.program @dependent
// CHECK: kinu.repeat "batch" 3
// CHECK: kinu.repeat "batch" 3
// CHECK-NOT: kinu.repeat
// CHECK-NOT: kinu.linear_cross_entropy
kinu.program @dependent {
  %h = kinu.input "h" : !h
  %w = kinu.input "w" : !w
  %t = kinu.input "t" below 7 : !t
  %loss, %lse = kinu.linear_cross_entropy %h, %w, %t sum ["embed"] over "token" : (!h, !w, !t) -> (!row, !row) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  }
  kinu.output "loss", %loss : !row
  %dh, %dw = kinu.linear_cross_entropy_backward %h, %w, %t, %lse, %loss sum ["embed"] over "token" : (!h, !w, !t, !row, !row) -> (!h, !w) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  } {
  ^bb0(%z: !z, %dt: !z):
    kinu.yield %dt : !z
  }
  kinu.output "dh", %dh : !h
  kinu.output "dw", %dw : !w
}

// Eleven rows, in chunks of at most six, of an axis that nothing divides: padded to two times six, and what was padded
// is cut off. A cap on the logits is applied to each chunk.
// CHECK-LABEL: kinu.program @padded
// CHECK: kinu.pad %{{.*}} "seq" at 0 as "seq.padded" {{.*}} -> !kinu.tensor<seq.padded=12, embed=2 : f32>
// CHECK: kinu.split {{.*}} -> !kinu.tensor<seq.chunk=2, seq.row=6, embed=2 : f32>
// CHECK: kinu.repeat "seq.chunk" 2
// CHECK: kinu.tanh %{{.*}} : <seq.row=6, "token"=7 : f32>
// CHECK: kinu.slice {{.*}} -> !kinu.tensor<seq=11 : f32>
// CHECK: kinu.output "loss"
kinu.program @padded {
  %h = kinu.input "h" : !kinu.tensor<seq=11, embed=2 : f32>
  %w = kinu.input "w" : !w
  %t = kinu.input "t" below 7 : !kinu.tensor<seq=11 : i64>
  %loss, %lse = kinu.linear_cross_entropy %h, %w, %t sum ["embed"] over "token" : (!kinu.tensor<seq=11, embed=2 : f32>, !w, !kinu.tensor<seq=11 : i64>) -> (!kinu.tensor<seq=11 : f32>, !kinu.tensor<seq=11 : f32>) {
  ^bb0(%z: !kinu.tensor<seq=11, "token"=7 : f32>):
    %c = kinu.tanh %z : !kinu.tensor<seq=11, "token"=7 : f32>
    kinu.yield %c : !kinu.tensor<seq=11, "token"=7 : f32>
  }
  kinu.output "loss", %loss : !kinu.tensor<seq=11 : f32>
}

// Logits that fit one chunk, with no gradient to share them: left to be expanded.
// CHECK-LABEL: kinu.program @small
// CHECK: kinu.linear_cross_entropy
kinu.program @small {
  %h = kinu.input "h" : !kinu.tensor<seq=6, embed=2 : f32>
  %w = kinu.input "w" : !w
  %t = kinu.input "t" below 7 : !kinu.tensor<seq=6 : i64>
  %loss, %lse = kinu.linear_cross_entropy %h, %w, %t sum ["embed"] over "token" : (!kinu.tensor<seq=6, embed=2 : f32>, !w, !kinu.tensor<seq=6 : i64>) -> (!kinu.tensor<seq=6 : f32>, !kinu.tensor<seq=6 : f32>) {
  ^bb0(%z: !kinu.tensor<seq=6, "token"=7 : f32>):
    kinu.yield %z : !kinu.tensor<seq=6, "token"=7 : f32>
  }
  kinu.output "loss", %loss : !kinu.tensor<seq=6 : f32>
}
