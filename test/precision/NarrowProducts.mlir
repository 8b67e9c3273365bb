// RUN: kinu-opt %s --split-input-file --kinu-narrow-products --canonicalize --cse | FileCheck %s
// RUN: kinu-opt %s --split-input-file "--kinu-narrow-products=format=f16 promote=64" --canonicalize --cse \
// RUN:   | FileCheck %s --check-prefix=FAST

// A linear layer: operands are cast, the result is rounded behind its bias, and what is left is f32. A softmax's score
// and an output stay f32.
!x = !kinu.tensor<batch=4, embed=8 : f32>
!w = !kinu.tensor<embed=8, ffn=16 : f32>
!b = !kinu.tensor<ffn=16 : f32>
!h = !kinu.tensor<batch=4, ffn=16 : f32>
!row = !kinu.tensor<batch=4 : f32>
module {
  kinu.variable @w weight normal(0.0, 0.02) : !w
  kinu.variable @b bias zeros(0.0, 0.0) : !b
  kinu.variable @x weight zeros(0.0, 0.0) : !x
  // CHECK-LABEL: kinu.program @eval
  kinu.program @eval {
    %x = kinu.read @x : !x
    %w = kinu.read @w : !w
    %b = kinu.read @b : !b
    // CHECK-DAG: %[[X:.*]] = kinu.cast %{{.*}} : (!kinu.tensor<batch=4, embed=8 : f32>) -> !kinu.tensor<batch=4, embed=8 : bf16>
    // CHECK-DAG: %[[W:.*]] = kinu.cast %{{.*}} : (!kinu.tensor<embed=8, ffn=16 : f32>) -> !kinu.tensor<embed=8, ffn=16 : bf16>
    // CHECK: %[[DOT:.*]] = kinu.dot %[[X]], %[[W]] over ["embed"] : {{.*}} -> !kinu.tensor<batch=4, ffn=16 : f32>
    // FAST: kinu.dot {{.*}} over ["embed"] promote 64 : {{.*}} -> !kinu.tensor<batch=4, ffn=16 : f32>
    %0 = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
    // CHECK: %[[SUM:.*]] = kinu.add %[[DOT]]
    // CHECK: %[[DOWN:.*]] = kinu.cast %[[SUM]] : {{.*}} -> !kinu.tensor<batch=4, ffn=16 : bf16>
    // CHECK: %[[UP:.*]] = kinu.cast %[[DOWN]] : {{.*}} -> !kinu.tensor<batch=4, ffn=16 : f32>
    %1 = kinu.add %0, %b : (!h, !b) -> !h
    // CHECK: kinu.tanh %[[UP]]
    %2 = kinu.tanh %1 : !h
    %3 = kinu.reduce sum %2 over ["ffn"] : (!h) -> !row
    kinu.output "sum", %3 : !row
    // The score of a softmax is in fp32: its product has 16-bit operands and an f32 result.
    // CHECK: %[[SCORE:.*]] = kinu.dot {{.*}} -> !kinu.tensor<batch=4, ffn=16 : f32>
    // CHECK-NEXT: kinu.mul %[[SCORE]]
    %t = kinu.add %x, %x : (!x, !x) -> !x
    %4 = kinu.dot %t, %w over ["embed"] : (!x, !w) -> !h
    %c = kinu.constant(3.0) : !kinu.tensor<f32>
    %5 = kinu.mul %4, %c : (!h, !kinu.tensor<f32>) -> !h
    %6 = kinu.reduce max %5 over ["ffn"] : (!h) -> !row
    kinu.output "max", %6 : !row
    // An output is what the product is.
    // CHECK: %[[OUT:.*]] = kinu.dot {{.*}} -> !kinu.tensor<batch=4, ffn=16 : f32>
    // CHECK-NEXT: kinu.output "logits", %[[OUT]]
    %u = kinu.neg %x : !x
    %7 = kinu.dot %u, %w over ["embed"] : (!x, !w) -> !h
    kinu.output "logits", %7 : !h
  }
}

// -----

// What must not be touched: a product with an fp32 side, and one of data that no weight went into.
!x = !kinu.tensor<batch=4, embed=8 : f32>
!w = !kinu.tensor<embed=8, expert=2 : f32>
!p = !kinu.tensor<batch=4, expert=2 : f32>
!m = !kinu.tensor<batch=4, batch2=4 : f32>
module {
  kinu.variable @w weight normal(0.0, 0.02) : !w
  kinu.variable @e weight normal(0.0, 0.02) : !x
  // CHECK-LABEL: kinu.program @eval
  // CHECK-NOT: kinu.cast
  kinu.program @eval {
    %x = kinu.read @e : !x
    %w = kinu.read @w : !w
    %0 = kinu.fp32 %x : !x
    %1 = kinu.dot %0, %w over ["embed"] : (!x, !w) -> !p
    kinu.output "router", %1 : !p
    %d = kinu.input "data" : !x
    %r = kinu.rename %d "batch" to "batch2" : (!x) -> !kinu.tensor<batch2=4, embed=8 : f32>
    %2 = kinu.dot %d, %r over ["embed"] : (!x, !kinu.tensor<batch2=4, embed=8 : f32>) -> !m
    kinu.output "same", %2 : !m
  }
}

// -----

// The backward pass of a layer: the gradient that goes on is rounded, the weight's is not. The operand that others read
// as well, for the bias, is in memory in 16 bits only; under two names it is cast once.
!x = !kinu.tensor<batch=4, embed=8 : f32>
!w = !kinu.tensor<embed=8, ffn=16 : f32>
!b = !kinu.tensor<ffn=16 : f32>
!h = !kinu.tensor<batch=4, ffn=16 : f32>
!h2 = !kinu.tensor<row=4, ffn=16 : f32>
!x2 = !kinu.tensor<row=4, embed=8 : f32>
module {
  kinu.variable @w weight normal(0.0, 0.02) : !w
  kinu.variable @w.gradient gradient zeros(0.0, 0.0) of "w" : !w
  kinu.variable @b.gradient gradient zeros(0.0, 0.0) of "b" : !b
  kinu.variable @x weight zeros(0.0, 0.0) : !x
  // CHECK-LABEL: kinu.program @micro
  kinu.program @micro {
    %x = kinu.read @x : !x
    %w = kinu.read @w : !w
    %y = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
    // CHECK: %[[TANH:.*]] = kinu.tanh
    // CHECK: %[[G:.*]] = kinu.cast %[[TANH]] : {{.*}} -> !kinu.tensor<batch=4, ffn=16 : bf16>
    // CHECK: %[[WIDE:.*]] = kinu.cast %[[G]] : {{.*}} -> !kinu.tensor<batch=4, ffn=16 : f32>
    // CHECK: kinu.reduce sum %[[WIDE]] over ["batch"]
    %g = kinu.tanh %y : !h
    %db = kinu.reduce sum %g over ["batch"] : (!h) -> !b
    kinu.accumulate @b.gradient, %db : !b
    // CHECK: kinu.dot {{.*}}, %[[G]] over ["batch"] : {{.*}} -> !kinu.tensor<embed=8, ffn=16 : f32>
    %dw = kinu.dot %x, %g over ["batch"] : (!x, !h) -> !w
    kinu.accumulate @w.gradient, %dw : !w
    // CHECK: %[[RENAMED:.*]] = kinu.rename %[[G]]
    // CHECK: kinu.dot %[[RENAMED]], {{.*}} over ["ffn"] : {{.*}} -> !kinu.tensor<row=4, embed=8 : bf16>
    %r = kinu.rename %g "batch" to "row" : (!h) -> !h2
    %dx = kinu.dot %r, %w over ["ffn"] : (!h2, !w) -> !x2
    %n = kinu.neg %dx : !x2
    kinu.output "dx", %n : !x2
  }
}
