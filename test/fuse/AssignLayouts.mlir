// RUN: kinu-opt %s --kinu-assign-layouts | FileCheck %s

!x = !kinu.tensor<batch=2, seq=3, embed=4 : f32>
!w = !kinu.tensor<ffn=6, embed=4 : f32>
!i = !kinu.tensor<i64>

kinu.variable @w weight normal(0.0, 0.02) : !w
kinu.variable @g gradient zeros(0.0, 0.0) of "w" : !w

// A product has the axes of the side with the batch first, whatever order the graph happened to use; elementwise results
// follow.
// CHECK-LABEL: kinu.program @product
// CHECK: kinu.dot {{.*}} -> !kinu.tensor<batch=2, seq=3, ffn=6 : f32>
// CHECK: kinu.tanh %{{.*}} : <batch=2, seq=3, ffn=6 : f32>
kinu.program @product {
  %x = kinu.input "x" : !x
  %w = kinu.read @w : !w
  %y = kinu.dot %w, %x over ["embed"] : (!w, !x) -> !kinu.tensor<ffn=6, seq=3, batch=2 : f32>
  %z = kinu.tanh %y : !kinu.tensor<ffn=6, seq=3, batch=2 : f32>
  kinu.output "z", %z : !kinu.tensor<ffn=6, seq=3, batch=2 : f32>
}

// What is written to a variable has the variable's order: the product makes it so, and nothing is copied.
// CHECK-LABEL: kinu.program @write
// CHECK: %[[G:.*]] = kinu.dot {{.*}} -> !kinu.tensor<ffn=6, embed=4 : f32>
// CHECK-NOT: kinu.broadcast
// CHECK: kinu.write @g, %[[G]] : <ffn=6, embed=4 : f32>
kinu.program @write {
  %x = kinu.input "x" : !x
  %d = kinu.input "d" : !kinu.tensor<batch=2, seq=3, ffn=6 : f32>
  %g = kinu.dot %x, %d over ["batch", "seq"] : (!x, !kinu.tensor<batch=2, seq=3, ffn=6 : f32>) -> !kinu.tensor<embed=4, ffn=6 : f32>
  kinu.write @g, %g : !kinu.tensor<embed=4, ffn=6 : f32>
}

// A value that something else needs in another order is copied into the variable's order.
// CHECK-LABEL: kinu.program @copied
// CHECK: %[[G:.*]] = kinu.dot {{.*}} -> !kinu.tensor<embed=4, ffn=6 : f32>
// CHECK: %[[C:.*]] = kinu.broadcast %[[G]] : (!kinu.tensor<embed=4, ffn=6 : f32>) -> !kinu.tensor<ffn=6, embed=4 : f32>
// CHECK: kinu.write @g, %[[C]]
// CHECK: kinu.output "g", %[[G]] : <embed=4, ffn=6 : f32>
kinu.program @copied {
  %x = kinu.input "x" : !x
  %d = kinu.input "d" : !kinu.tensor<batch=2, seq=3, ffn=6 : f32>
  %g = kinu.dot %x, %d over ["batch", "seq"] : (!x, !kinu.tensor<batch=2, seq=3, ffn=6 : f32>) -> !kinu.tensor<embed=4, ffn=6 : f32>
  kinu.write @g, %g : !kinu.tensor<embed=4, ffn=6 : f32>
  kinu.output "g", %g : !kinu.tensor<embed=4, ffn=6 : f32>
}

// A carried value leaves each round in the order in which it entered.
// CHECK-LABEL: kinu.program @carried
// CHECK: ^bb0(%{{.*}}: !kinu.tensor<i64>, %[[X:.*]]: !kinu.tensor<batch=2, seq=3, embed=4 : f32>):
// CHECK: %[[Y:.*]] = kinu.dot %{{.*}} -> !kinu.tensor<batch=2, seq=3, embed=4 : f32>
// CHECK: kinu.yield %[[Y]] : !kinu.tensor<batch=2, seq=3, embed=4 : f32>
// A reordered rename takes the new name's place in the old one's.
// CHECK: kinu.rename %{{.*}} "seq" to "key" : {{.*}} -> !kinu.tensor<batch=2, key=3, embed=4 : f32>
kinu.program @carried {
  %x = kinu.input "x" : !x
  %y = kinu.repeat "layer" 2 carried(%x : !x) stacked() -> carried(!x) sums() saved() {
  ^bb0(%layer: !i, %in: !x):
    %w = kinu.read @w : !w
    %a = kinu.dot %in, %w over ["embed"] : (!x, !w) -> !kinu.tensor<batch=2, seq=3, ffn=6 : f32>
    %b = kinu.dot %w, %a over ["ffn"] : (!w, !kinu.tensor<batch=2, seq=3, ffn=6 : f32>) -> !x
    kinu.yield %b : !x
  }
  %z = kinu.rename %y "seq" to "key" : (!x) -> !kinu.tensor<key=3, embed=4, batch=2 : f32>
  kinu.output "z", %z : !kinu.tensor<key=3, embed=4, batch=2 : f32>
}
