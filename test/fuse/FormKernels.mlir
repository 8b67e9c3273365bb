// RUN: kinu-opt %s --kinu-form-kernels | FileCheck %s

!x = !kinu.tensor<seq=3, embed=4 : f32>
!w = !kinu.tensor<embed=4, ffn=6 : f32>
!a = !kinu.tensor<seq=3, ffn=6 : f32>
!row = !kinu.tensor<seq=3 : f32>
!s = !kinu.tensor<f32>

kinu.variable @w weight normal(0.0, 0.02) : !w
kinu.variable @v weight normal(0.0, 0.02) : !x
kinu.variable @u weight normal(0.0, 0.02) : !x

// A chain of elementwise ops is one kernel; so is a product of it.
// CHECK-LABEL: kinu.program @chain
// CHECK: %[[B:.*]] = step.launch @[[$CHAIN:k[0-9]+_loops]](
// CHECK: step.launch @[[$DOT:k[0-9]+_contraction]](%[[B]],
// CHECK-NOT: kinu.{{tanh|exp|mul|dot}}
kinu.program @chain {
  %x = kinu.input "x" : !x
  %w = kinu.read @w : !w
  %t = kinu.tanh %x : !x
  %e = kinu.exp %t : !x
  %m = kinu.mul %e, %t : (!x, !x) -> !x
  %y = kinu.dot %m, %w over ["embed"] : (!x, !w) -> !a
  kinu.output "y", %y : !a
}

// Equal computations are one kernel, launched for both values.
// CHECK-LABEL: kinu.program @twice
// CHECK: step.launch @[[SAME:k[0-9]+_loops]](
// CHECK: step.launch @[[SAME]](
kinu.program @twice {
  %x = kinu.input "x" : !x
  %y = kinu.input "y" : !x
  %a = kinu.sin %x : !x
  %b = kinu.sin %y : !x
  kinu.output "a", %a : !x
  kinu.output "b", %b : !x
}

// A softmax with its maximum and its sum is one kernel over rows.
// CHECK-LABEL: kinu.program @softmax
// CHECK: step.launch @[[$SOFTMAX:k[0-9]+_loops]](
// CHECK-NOT: step.launch
// CHECK: kinu.output
kinu.program @softmax {
  %x = kinu.input "x" : !x
  %m = kinu.reduce max %x over ["embed"] : (!x) -> !row
  %d = kinu.sub %x, %m : (!x, !row) -> !x
  %e = kinu.exp %d : !x
  %s = kinu.reduce sum %e over ["embed"] : (!x) -> !row
  %p = kinu.div %e, %s : (!x, !row) -> !x
  kinu.output "p", %p : !x
}

// Reductions that leave different axes do not share rows, so they are two kernels.
// CHECK-LABEL: kinu.program @rows_and_columns
// CHECK: step.launch
// CHECK: step.launch
// CHECK: kinu.output
kinu.program @rows_and_columns {
  %x = kinu.input "x" : !x
  %m = kinu.reduce sum %x over ["embed"] : (!x) -> !row
  %c = kinu.reduce sum %x over ["seq"] : (!x) -> !kinu.tensor<embed=4 : f32>
  kinu.output "m", %m : !row
  kinu.output "c", %c : !kinu.tensor<embed=4 : f32>
}

// Splitting an axis in place moves nothing: it is a view.
// CHECK-LABEL: kinu.program @view
// CHECK: %[[V:.*]] = step.view %{{.*}} : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<seq=3, head=2, dim=2 : f32>
// CHECK: kinu.output "v", %[[V]]
// A join of axes that are not beside each other in memory is a kernel.
// CHECK: %[[J:.*]] = step.launch
// CHECK: kinu.output "j", %[[J]]
kinu.program @view {
  %x = kinu.input "x" : !x
  %y = kinu.input "y" : !kinu.tensor<head=2, seq=3, dim=2 : f32>
  %v = kinu.split %x "embed" into ["head", "dim"] : (!x) -> !kinu.tensor<seq=3, head=2, dim=2 : f32>
  kinu.output "v", %v : !kinu.tensor<seq=3, head=2, dim=2 : f32>
  %j = kinu.join %y ["head", "dim"] into "embed" : (!kinu.tensor<head=2, seq=3, dim=2 : f32>) -> !x
  kinu.output "j", %j : !x
}

// What is written is computed for that write alone: a value that came from outside is copied.
// CHECK-LABEL: kinu.program @write
// CHECK: %[[X:.*]] = kinu.input "x"
// CHECK: %[[C:.*]] = step.launch @{{k[0-9]+}}_loops(%[[X]])
// CHECK: kinu.write @v, %[[C]]
kinu.program @write {
  %x = kinu.input "x" : !x
  kinu.write @v, %x : !x
}

// A mask costs less than reading one: each round computes its own, and none is carried in from outside.
// CHECK-LABEL: kinu.program @sunk
// CHECK-NOT: step.launch
// CHECK: kinu.repeat
// CHECK: step.launch @[[$MASKED:k[0-9]+_loops]](%{{[^,]*}}) "
// CHECK-NOT: step.launch
kinu.program @sunk {
  %x = kinu.input "x" : !x
  %i = kinu.index : !kinu.tensor<seq=3 : i64>
  %e = kinu.index : !kinu.tensor<embed=4 : i64>
  %mask = kinu.compare le %e, %i : (!kinu.tensor<embed=4 : i64>, !kinu.tensor<seq=3 : i64>) -> !kinu.tensor<seq=3, embed=4 : i1>
  %zero = kinu.constant(0.0) : !s
  %y = kinu.repeat "layer" 2 carried(%x : !x) stacked() -> carried(!x) sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>, %in: !x):
    %m = kinu.select %mask, %in, %zero : (!kinu.tensor<seq=3, embed=4 : i1>, !x, !s) -> !x
    kinu.yield %m : !x
  }
  kinu.output "y", %y : !x
}

// What a repeat only hands on is copied to the variable it is written to: no launch makes it there.
// CHECK-LABEL: kinu.program @handed_on
// CHECK: %[[R:.*]]:2 = kinu.repeat
// CHECK: %[[COPY:.*]] = step.launch @{{k[0-9]+}}_loops(%[[R]]#1)
// CHECK: kinu.write @v, %[[COPY]]
// CHECK: kinu.write @u, %[[R]]#0
kinu.program @handed_on {
  %x = kinu.input "x" : !x
  %z = kinu.input "z" : !x
  %y:2 = kinu.repeat "layer" 2 carried(%x : !x, %z : !x) stacked() -> carried(!x, !x) sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>, %in: !x, %same: !x):
    %m = kinu.tanh %in : !x
    kinu.yield %m, %same : !x, !x
  }
  kinu.write @v, %y#1 : !x
  kinu.write @u, %y#0 : !x
}

// One element of %l5 would need %l1 at 16 points: past 8, a value is put in memory, and code stays linear in the chain.
// CHECK-LABEL: kinu.program @links
// CHECK: %[[L:.*]] = step.launch
// CHECK: %[[Y:.*]] = step.launch @{{k[0-9]+}}_loops(%[[L]])
// CHECK-NOT: step.launch
// CHECK: kinu.output "y", %[[Y]]
kinu.program @links {
  %x = kinu.input "x" : !x
  %i = kinu.index : !kinu.tensor<seq=3 : i64>
  %two = kinu.constant(2) : !kinu.tensor<i64>
  %at = kinu.sub %two, %i : (!kinu.tensor<i64>, !kinu.tensor<seq=3 : i64>) -> !kinu.tensor<seq=3 : i64>
  %g1 = kinu.lookup %x["seq"] at %at : (!x, !kinu.tensor<seq=3 : i64>) -> !x
  %l1 = kinu.add %x, %g1 : (!x, !x) -> !x
  %g2 = kinu.lookup %l1["seq"] at %at : (!x, !kinu.tensor<seq=3 : i64>) -> !x
  %l2 = kinu.add %l1, %g2 : (!x, !x) -> !x
  %g3 = kinu.lookup %l2["seq"] at %at : (!x, !kinu.tensor<seq=3 : i64>) -> !x
  %l3 = kinu.add %l2, %g3 : (!x, !x) -> !x
  %g4 = kinu.lookup %l3["seq"] at %at : (!x, !kinu.tensor<seq=3 : i64>) -> !x
  %l4 = kinu.add %l3, %g4 : (!x, !x) -> !x
  %g5 = kinu.lookup %l4["seq"] at %at : (!x, !kinu.tensor<seq=3 : i64>) -> !x
  %l5 = kinu.add %l4, %g5 : (!x, !x) -> !x
  kinu.output "y", %l5 : !x
}

// A scatter that is added to something starts from that, and may lie over it; one whose result others want, too, stays
// alone.
// CHECK-LABEL: kinu.program @gathered
// CHECK: step.launch @[[$SCATTER:k[0-9]+_scatter]](%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}})
// CHECK: step.launch @[[$ALONE:k[0-9]+_scatter]](%{{[^,]*}}, %{{[^,]*}})
// CHECK: step.launch @{{k[0-9]+}}_loops
kinu.program @gathered {
  %x = kinu.input "x" : !x
  %ids = kinu.input "ids" below 9 : !kinu.tensor<seq=3 : i64>
  %g = kinu.input "g" : !kinu.tensor<"token"=9, embed=4 : f32>
  %s = kinu.scatter %x over ["seq"] to ["token"] at %ids : (!x, !kinu.tensor<seq=3 : i64>) -> !kinu.tensor<"token"=9, embed=4 : f32>
  %a = kinu.add %g, %s : (!kinu.tensor<"token"=9, embed=4 : f32>, !kinu.tensor<"token"=9, embed=4 : f32>) -> !kinu.tensor<"token"=9, embed=4 : f32>
  kinu.output "a", %a : !kinu.tensor<"token"=9, embed=4 : f32>
  %t = kinu.scatter %x over ["seq"] to ["token"] at %ids : (!x, !kinu.tensor<seq=3 : i64>) -> !kinu.tensor<"token"=9, embed=4 : f32>
  %h = kinu.input "h" : !kinu.tensor<"token"=9, embed=4 : f32>
  %b = kinu.add %h, %t : (!kinu.tensor<"token"=9, embed=4 : f32>, !kinu.tensor<"token"=9, embed=4 : f32>) -> !kinu.tensor<"token"=9, embed=4 : f32>
  kinu.output "b", %b : !kinu.tensor<"token"=9, embed=4 : f32>
  kinu.output "t", %t : !kinu.tensor<"token"=9, embed=4 : f32>
}

// A kernel that reads a number once more for what lies inside its rows may not write over it: the new one is computed
// apart and copied.
// CHECK-LABEL: kinu.program @once_more
// CHECK: %[[M:.*]]:2 = step.launch @{{.*}}(
// CHECK: %[[C:.*]] = step.launch @{{.*}}(%[[M]]#{{[01]}})
// CHECK: kinu.write @s, %[[C]]
kinu.variable @s weight zeros(0.0, 0.0) : !kinu.tensor<f32>
kinu.program @once_more {
  %x = kinu.input "x" : !kinu.tensor<seq=8 : f32>
  %s = kinu.read @s : !kinu.tensor<f32>
  %sum = kinu.reduce sum %x over ["seq"] : (!kinu.tensor<seq=8 : f32>) -> !kinu.tensor<f32>
  %new = kinu.add %s, %sum : (!kinu.tensor<f32>, !kinu.tensor<f32>) -> !kinu.tensor<f32>
  %y = kinu.mul %x, %new : (!kinu.tensor<seq=8 : f32>, !kinu.tensor<f32>) -> !kinu.tensor<seq=8 : f32>
  kinu.write @s, %new : !kinu.tensor<f32>
  kinu.output "y", %y : !kinu.tensor<seq=8 : f32>
}

// The kernels. A product has no rows of its own; the chain may write over its operand.
// CHECK: step.kernel @[[$CHAIN]] loops rows ["seq", "embed"] inplace [0, 0]
// CHECK: kinu.tanh
// CHECK-NEXT: kinu.exp
// CHECK-NEXT: kinu.mul
// CHECK-NEXT: kinu.yield
// CHECK: step.kernel @[[$DOT]] contraction rows [] inplace []
// CHECK: kinu.dot
// The rows of a softmax are the axes that its reductions leave.
// CHECK: step.kernel @[[$SOFTMAX]] loops rows ["seq"]
// CHECK: kinu.reduce max
// CHECK: kinu.reduce sum
// CHECK: step.kernel @[[$MASKED]] loops
// CHECK: kinu.index
// CHECK: kinu.compare le
// CHECK: kinu.select
// CHECK: step.kernel @[[$SCATTER]] scatter rows [] inplace [0, {{[0-9]}}]
// CHECK: step.kernel @[[$ALONE]] scatter rows [] inplace []
