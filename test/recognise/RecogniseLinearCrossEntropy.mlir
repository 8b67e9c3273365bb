// RUN: kinu-opt %s --kinu-recognise-linear-cross-entropy --split-input-file | FileCheck %s

!h = !kinu.tensor<seq=3, embed=4 : f32>
!w = !kinu.tensor<embed=4, class=5 : f32>
!z = !kinu.tensor<seq=3, class=5 : f32>
!row = !kinu.tensor<seq=3 : f32>
!ids = !kinu.tensor<seq=3 : i64>

// Minus the logarithm of the softmax at the target is the same loss.
// CHECK-LABEL: @log_softmax
// CHECK: kinu.linear_cross_entropy %[[H:[^ :,]+]], %[[W:[^ :,]+]], %[[T:[^ :,]+]] sum ["embed"] over "class"
// CHECK-NEXT: ^bb0(%[[Z:[^ :,]+]]: !kinu.tensor<seq=3, class=5 : f32>):
// CHECK-NEXT: kinu.yield %[[Z]]
// CHECK-NOT: kinu.dot
kinu.program @log_softmax {
  %h = kinu.input "h" : !h
  %w = kinu.input "w" : !w
  %target = kinu.input "target" : !ids
  %z = kinu.dot %h, %w over ["embed"] : (!h, !w) -> !z
  %m = kinu.reduce max %z over ["class"] : (!z) -> !row
  %d = kinu.sub %z, %m : (!z, !row) -> !z
  %e = kinu.exp %d : !z
  %s = kinu.reduce sum %e over ["class"] : (!z) -> !row
  %log = kinu.log %s : !row
  %lse = kinu.add %m, %log : (!row, !row) -> !row
  %p = kinu.sub %z, %lse : (!z, !row) -> !z
  %chosen = kinu.lookup %p["class"] at %target : (!z, !ids) -> !row
  %loss = kinu.neg %chosen : !row
  kinu.output "loss", %loss : !row
}

// -----

!h = !kinu.tensor<seq=3, embed=4 : f32>
!w = !kinu.tensor<embed=4, class=5 : f32>
!z = !kinu.tensor<seq=3, class=5 : f32>
!row = !kinu.tensor<seq=3 : f32>
!ids = !kinu.tensor<seq=3 : i64>

// Logits that leave the program are stored anyway: it is left alone.
// CHECK-LABEL: @logits_are_output
// CHECK-NOT: kinu.linear_cross_entropy
kinu.program @logits_are_output {
  %h = kinu.input "h" : !h
  %w = kinu.input "w" : !w
  %target = kinu.input "target" : !ids
  %z = kinu.dot %h, %w over ["embed"] : (!h, !w) -> !z
  %e = kinu.exp %z : !z
  %s = kinu.reduce sum %e over ["class"] : (!z) -> !row
  %lse = kinu.log %s : !row
  %chosen = kinu.lookup %z["class"] at %target : (!z, !ids) -> !row
  %loss = kinu.sub %lse, %chosen : (!row, !row) -> !row
  kinu.output "loss", %loss : !row
  kinu.output "logits", %z : !z
}

// -----

!h = !kinu.tensor<seq=3, embed=4 : f32>
!w = !kinu.tensor<embed=4, class=5 : f32>
!z = !kinu.tensor<seq=3, class=5 : f32>
!row = !kinu.tensor<seq=3 : f32>
!ids = !kinu.tensor<seq=3 : i64>

// The maximum that is subtracted inside is not added outside: another function.
// CHECK-LABEL: @shift_is_lost
// CHECK-NOT: kinu.linear_cross_entropy
kinu.program @shift_is_lost {
  %h = kinu.input "h" : !h
  %w = kinu.input "w" : !w
  %target = kinu.input "target" : !ids
  %z = kinu.dot %h, %w over ["embed"] : (!h, !w) -> !z
  %m = kinu.reduce max %z over ["class"] : (!z) -> !row
  %d = kinu.sub %z, %m : (!z, !row) -> !z
  %e = kinu.exp %d : !z
  %s = kinu.reduce sum %e over ["class"] : (!z) -> !row
  %lse = kinu.log %s : !row
  %chosen = kinu.lookup %z["class"] at %target : (!z, !ids) -> !row
  %loss = kinu.sub %lse, %chosen : (!row, !row) -> !row
  kinu.output "loss", %loss : !row
}
