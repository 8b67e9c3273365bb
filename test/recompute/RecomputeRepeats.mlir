// A backward round begins with what it wants of its forward round, from what the forward round carries.
// RUN: kinu-opt %s --kinu-recompute-repeats | FileCheck %s
// Without the attribute nothing changes.
// RUN: sed 's/ {kinu.recompute}//' %s | kinu-opt --kinu-recompute-repeats | FileCheck %s --check-prefix=SAME

!h = !kinu.tensor<embed=4 : f32>
!w = !kinu.tensor<embed=4, ffn=8 : f32>
!f = !kinu.tensor<ffn=8 : f32>
!i = !kinu.tensor<i64>
module {
  kinu.variable @up weight zeros(0.0, 0.0) : !kinu.tensor<layer=3, embed=4, ffn=8 : f32>

  // What the rounds carry is saved instead of %b and %c; %c, which an output wants besides, is still saved for it.
  // CHECK-LABEL: kinu.program @micro
  // CHECK: %{{.*}}, %[[SAVED:.*]]:2 = kinu.repeat "layer" 3 carried({{.*}}) stacked() -> {{.*}} saved(!kinu.tensor<layer=3, ffn=8 : f32>, !kinu.tensor<layer=3, embed=4 : f32>)
  // CHECK: ^bb0(%{{.*}}: {{.*}}, %[[H:.*]]: !kinu.tensor<embed=4 : f32>):
  // CHECK: %[[C:.*]] = kinu.tanh
  // CHECK: kinu.yield %{{.*}}, %[[C]], %[[H]] :
  // CHECK: kinu.repeat "layer" 3 reverse carried({{.*}}) stacked(%[[SAVED]]#1 : !kinu.tensor<layer=3, embed=4 : f32>)
  // CHECK: ^bb0(%[[ROUND:.*]]: !kinu.tensor<i64>, %[[DH:.*]]: {{.*}}, %[[AGAIN:.*]]: !kinu.tensor<embed=4 : f32>):
  // CHECK-NEXT: %[[UP:.*]] = kinu.read @up[%[[ROUND]] :
  // CHECK-NEXT: %[[PRODUCT:.*]] = kinu.dot %[[AGAIN]], %[[UP]]
  // CHECK-NEXT: %[[B:.*]] = kinu.exp %[[PRODUCT]]
  // CHECK-NEXT: %[[C:.*]] = kinu.tanh %[[B]]
  // CHECK-NEXT: kinu.mul %[[B]], %[[C]]
  // CHECK: kinu.output "c", %[[SAVED]]#0
  // SAME: saved(!kinu.tensor<layer=3, ffn=8 : f32>, !kinu.tensor<layer=3, ffn=8 : f32>)
  // SAME: kinu.repeat "layer" 3 reverse carried({{.*}}) stacked(%{{.*}}#0 : {{.*}}, %{{.*}}#1 :
  kinu.program @micro {
    %h0 = kinu.input "h" : !h
    %dy = kinu.input "dy" : !h
    %y, %saved_b, %saved_c = kinu.repeat "layer" 3 carried(%h0 : !h) stacked() -> carried(!h) sums() saved(!kinu.tensor<layer=3, ffn=8 : f32>, !kinu.tensor<layer=3, ffn=8 : f32>) {
    ^bb0(%layer: !i, %h: !h):
      %up = kinu.read @up[%layer : !i] : !w
      %a = kinu.dot %h, %up over ["embed"] : (!h, !w) -> !f
      %b = kinu.exp %a : !f
      %c = kinu.tanh %b : !f
      %next = kinu.dot %c, %up over ["ffn"] : (!f, !w) -> !h
      kinu.yield %next, %b, %c : !h, !f, !f
    } {kinu.recompute}
    %dx = kinu.repeat "layer" 3 reverse carried(%dy : !h) stacked(%saved_b : !kinu.tensor<layer=3, ffn=8 : f32>, %saved_c : !kinu.tensor<layer=3, ffn=8 : f32>) -> carried(!h) sums() saved() {
    ^bb0(%layer: !i, %dh: !h, %b: !f, %c: !f):
      %d = kinu.mul %b, %c : (!f, !f) -> !f
      %up = kinu.read @up[%layer : !i] : !w
      %next = kinu.dot %d, %up over ["ffn"] : (!f, !w) -> !h
      kinu.yield %next : !h
    }
    kinu.output "dx", %dx : !h
    kinu.output "c", %saved_c : !kinu.tensor<layer=3, ffn=8 : f32>
  }
}
