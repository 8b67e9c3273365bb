// What is done in a product's kernel while the product is in cache. The flag is --kinu-form-kernels.
// RUN: kinu-opt %s --kinu-form-kernels | FileCheck %s

!x = !kinu.tensor<batch=2, seq=3, embed=4 : f32>
!k = !kinu.tensor<batch=2, key=3, embed=4 : f32>
!w = !kinu.tensor<embed=4, ffn=6 : f32>
!h = !kinu.tensor<batch=2, seq=3, ffn=6 : f32>
!b = !kinu.tensor<ffn=6 : f32>
!row = !kinu.tensor<batch=2, seq=3 : f32>
!s = !kinu.tensor<f32>
!bool = !kinu.tensor<i1>

kinu.variable @w weight normal(0.0, 0.02) : !w
kinu.variable @g gradient zeros(0.0, 0.0) of "w" : !w
kinu.variable @b weight zeros(0.0, 0.0) : !b

// A bias and an activation. What the activation was computed from is saved for the backward pass: two results.
// CHECK-LABEL: kinu.program @activation
// CHECK: step.launch @[[$ACTIVATION:k[0-9]+_contraction]](
// CHECK-NOT: step.launch
// CHECK: kinu.output
kinu.program @activation {
  %x = kinu.input "x" : !x
  %w = kinu.read @w : !w
  %a = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
  %b = kinu.read @b : !b
  %z = kinu.add %a, %b : (!h, !b) -> !h
  %t = kinu.tanh %z : !h
  kinu.output "t", %t : !h
  kinu.output "z", %z : !h
}

// A gradient is added to where it lies.
// CHECK-LABEL: kinu.program @accumulate
// CHECK: %[[SUM:.*]] = step.launch @[[$ACCUMULATE:k[0-9]+_contraction]](
// CHECK-NEXT: kinu.write @g, %[[SUM]]
kinu.program @accumulate {
  %x = kinu.input "x" : !x
  %d = kinu.input "d" : !h
  %g = kinu.dot %x, %d over ["batch", "seq"] : (!x, !h) -> !w
  %first = kinu.input "$first" : !bool
  %old = kinu.read @g : !w
  %zero = kinu.constant(0.0) : !s
  %kept = kinu.select %first, %zero, %old : (!bool, !s, !w) -> !w
  %sum = kinu.add %g, %kept : (!w, !w) -> !w
  kinu.write @g, %sum : !w
}

// The residual sum leaves the norm's kernel: the product is not written, and the norm reads one tensor instead of two.
// CHECK-LABEL: kinu.program @residual
// CHECK: %[[H:.*]] = step.launch @[[$RESIDUAL:k[0-9]+_contraction]](
// CHECK: step.launch @{{k[0-9]+}}_loops(%[[H]])
// CHECK-NOT: step.launch
// CHECK: kinu.output
kinu.program @residual {
  %x = kinu.input "x" : !x
  %old = kinu.input "h" : !h
  %w = kinu.read @w : !w
  %a = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
  %h = kinu.add %old, %a : (!h, !h) -> !h
  %square = kinu.mul %h, %h : (!h, !h) -> !h
  %sum = kinu.reduce sum %square over ["ffn"] : (!h) -> !row
  %norm = kinu.div %h, %sum : (!h, !row) -> !h
  kinu.output "h", %h : !h
  kinu.output "norm", %norm : !h
}

// A sum of products is made by the last of them, under whatever names they have.
// CHECK-LABEL: kinu.program @sum
// CHECK: %[[A:.*]] = step.launch @[[$ALONE:k[0-9]+_contraction]](
// CHECK: step.launch @[[$SUM:k[0-9]+_contraction]](
// CHECK-SAME: %[[A]]
// CHECK-NOT: step.launch
// CHECK: kinu.output
kinu.program @sum {
  %dh = kinu.input "dh" : !h
  %dk = kinu.input "dk" : !kinu.tensor<batch=2, key=3, ffn=6 : f32>
  %w = kinu.read @w : !w
  %a = kinu.dot %dh, %w over ["ffn"] : (!h, !w) -> !x
  %b = kinu.dot %dk, %w over ["ffn"] : (!kinu.tensor<batch=2, key=3, ffn=6 : f32>, !w) -> !k
  %c = kinu.rename %b "key" to "seq" : (!k) -> !x
  %y = kinu.add %a, %c : (!x, !x) -> !x
  kinu.output "y", %y : !x
}

// Others read the product too: it is one of the results.
// CHECK-LABEL: kinu.program @shared
// CHECK: %[[BOTH:.*]]:2 = step.launch @[[$SHARED:k[0-9]+_contraction]](
// CHECK: step.launch @{{k[0-9]+}}_contraction(%[[BOTH]]#0
// CHECK: kinu.output "t", %[[BOTH]]#1
kinu.program @shared {
  %x = kinu.input "x" : !x
  %w = kinu.read @w : !w
  %a = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
  %t = kinu.exp %a : !h
  %y = kinu.dot %a, %w over ["ffn"] : (!h, !w) -> !x
  kinu.output "t", %t : !h
  kinu.output "y", %y : !x
}

// A reduction of the product has other axes, and nothing else would leave its kernel: nothing is fused.
// CHECK-LABEL: kinu.program @reduction
// CHECK: step.launch @[[$ALONE2:k[0-9]+_contraction]](
// CHECK: step.launch @{{k[0-9]+}}_loops(
kinu.program @reduction {
  %x = kinu.input "x" : !x
  %w = kinu.read @w : !w
  %a = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
  %e = kinu.exp %a : !h
  %r = kinu.reduce sum %e over ["ffn"] : (!h) -> !row
  kinu.output "r", %r : !row
}

// A slice takes the product at another place than its own.
// CHECK-LABEL: kinu.program @slice
// CHECK: step.launch @[[$ALONE2]](
// CHECK: step.launch @{{k[0-9]+}}_loops(
kinu.program @slice {
  %x = kinu.input "x" : !x
  %w = kinu.read @w : !w
  %a = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
  %s = kinu.slice %a "ffn" from 1 as "part" : (!h) -> !kinu.tensor<batch=2, seq=3, part=4 : f32>
  %t = kinu.tanh %s : !kinu.tensor<batch=2, seq=3, part=4 : f32>
  kinu.output "t", %t : !kinu.tensor<batch=2, seq=3, part=4 : f32>
}

// The sum would wait for a scatter after the product, and keep the product's operands in memory until then.
// CHECK-LABEL: kinu.program @late
// CHECK: step.launch @{{k[0-9]+}}_contraction(
// CHECK: step.launch @{{k[0-9]+}}_scatter(
// CHECK: step.launch @{{k[0-9]+}}_loops(
kinu.program @late {
  %x = kinu.input "x" : !x
  %d = kinu.input "d" : !h
  %ids = kinu.input "ids" below 4 : !kinu.tensor<batch=2, seq=3 : i64>
  %g = kinu.dot %x, %d over ["batch", "seq"] : (!x, !h) -> !w
  %s = kinu.scatter %d over ["batch", "seq"] to ["embed"] at %ids : (!h, !kinu.tensor<batch=2, seq=3 : i64>) -> !w
  %sum = kinu.add %g, %s : (!w, !w) -> !w
  kinu.output "sum", %sum : !w
  kinu.output "s", %s : !w
}

// What is computed from the product by way of another product cannot be in the first one's kernel. It is in the last
// one's, which does what @residual's did.
// CHECK-LABEL: kinu.program @around
// CHECK: %[[A:.*]] = step.launch @{{k[0-9]+}}_contraction(
// CHECK: %[[B:.*]] = step.launch @{{k[0-9]+}}_contraction(%[[A]]
// CHECK: step.launch @[[$RESIDUAL]](%[[B]]
// CHECK-NOT: step.launch
// CHECK: kinu.output
kinu.program @around {
  %x = kinu.input "x" : !x
  %w = kinu.read @w : !w
  %a = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
  %y = kinu.dot %a, %w over ["ffn"] : (!h, !w) -> !x
  %z = kinu.dot %y, %w over ["embed"] : (!x, !w) -> !h
  %sum = kinu.add %a, %z : (!h, !h) -> !h
  kinu.output "sum", %sum : !h
}

// CHECK: step.kernel @[[$ACTIVATION]] contraction rows [] inplace []
// CHECK: kinu.dot
// CHECK-NEXT: kinu.add
// CHECK-NEXT: kinu.tanh
// CHECK-NEXT: kinu.yield
// The old gradient is read where the new one is written.
// CHECK: step.kernel @[[$ACCUMULATE]] contraction rows [] inplace [0, 3]
// CHECK: ^bb0(%{{[^%]*}}%{{[^%]*}}%{{[^%]*}}%[[OLD:[a-z0-9]*]]: !kinu.tensor<embed=4, ffn=6 : f32>)
// CHECK: kinu.select %{{.*}}, %{{.*}}, %[[OLD]]
// CHECK: step.kernel @[[$RESIDUAL]] contraction rows [] inplace [0, {{[0-9]}}]
// CHECK: kinu.dot
// CHECK-NEXT: kinu.add
// CHECK-NEXT: kinu.yield
// CHECK: step.kernel @[[$SUM]] contraction
// CHECK: kinu.dot
// CHECK-NEXT: kinu.rename
// CHECK-NEXT: kinu.add
// CHECK-NEXT: kinu.yield
// CHECK: step.kernel @[[$SHARED]] contraction
// CHECK: %[[A:.*]] = kinu.dot
// CHECK: %[[T:.*]] = kinu.exp %[[A]]
// CHECK: kinu.yield %[[A]], %[[T]]
