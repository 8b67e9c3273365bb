// RUN: kinu-opt %s --kinu-differentiate="clip=1.0 decay=0.1" --canonicalize --cse | FileCheck %s

!h = !kinu.tensor<seq=3, embed=4 : f32>
!a = !kinu.tensor<seq=3, ffn=8 : f32>
!up = !kinu.tensor<embed=4, ffn=8 : f32>
!bias = !kinu.tensor<ffn=8 : f32>
!f = !kinu.tensor<f32>

// How many elements the loss of a step averages over is known here: there is no program that counts them.
// CHECK: module attributes {{{.*}}kinu.loss_count = 2.400000e+01 : f64
// CHECK-NOT: kinu.program @count
module attributes {kinu.global_batch = 4 : i64, kinu.micro_batches = 2 : i64} {

// Every weight has a gradient and two moments of its type.
// CHECK-DAG: kinu.variable @layer.up.gradient gradient zeros(0.000000e+00, 0.000000e+00) of "layer.up" : !kinu.tensor<layer=3, embed=4, ffn=8 : f32>
// CHECK-DAG: kinu.variable @layer.up.moment1 moment1
// CHECK-DAG: kinu.variable @layer.bias.moment2 moment2
kinu.variable @layer.up weight normal(0.0, 0.02) : !kinu.tensor<layer=3, embed=4, ffn=8 : f32>
kinu.variable @layer.bias bias zeros(0.0, 0.0) : !kinu.tensor<layer=3, ffn=8 : f32>

// The forward repeat saves its input and what stands before tanh; tanh itself is computed again.
// CHECK-LABEL: kinu.program @micro
// CHECK: kinu.repeat "layer" 3 carried({{.*}}) stacked() -> carried({{.*}}) sums() saved(!kinu.tensor<layer=3, seq=3, embed=4 : f32>, !kinu.tensor<layer=3, seq=3, ffn=8 : f32>)
// CHECK: ^bb0(%[[ROUND:[^ :,]+]]: !kinu.tensor<i64>, %[[X:[^ :,]+]]: {{.*}}):
// CHECK: %[[DOT:[^ :,]+]] = kinu.dot %[[X]]
// CHECK: %[[BEFORE:[^ :,]+]] = kinu.add %[[DOT]]
// CHECK: kinu.yield %{{.*}}, %[[X]], %[[BEFORE]]
// CHECK: kinu.output "$loss_sum"
// CHECK: kinu.input "$loss_count"
// CHECK: kinu.repeat "layer" 3 reverse
// CHECK: ^bb0(%[[BACK:[^ :,]+]]: !kinu.tensor<i64>, %{{.*}}: {{.*}}, %[[SAVEDX:[^ :,]+]]: {{.*}}, %[[SAVEDBEFORE:[^ :,]+]]: {{.*}}):
// CHECK: kinu.tanh %[[SAVEDBEFORE]]
// CHECK-DAG: kinu.accumulate @layer.bias.gradient[%[[BACK]] : !kinu.tensor<i64>]
// CHECK-DAG: kinu.accumulate @layer.up.gradient[%[[BACK]] : !kinu.tensor<i64>]
// CHECK: kinu.yield

// The norm of all gradients limits the step; only the weight decays.
// CHECK-LABEL: kinu.program @update
// CHECK: kinu.output "$gradient_norm", %[[NORM:[^ :,]+]] :
// CHECK: kinu.min
// CHECK: kinu.write @layer.up.moment1
// CHECK: %[[DECAY:[^ :,]+]] = kinu.mul %[[WEIGHT:[^ :,]+]], %{{.*}} :
// CHECK: kinu.write @layer.up,
// CHECK: kinu.write @layer.bias,
// CHECK-NOT: kinu.program
kinu.program @train {
  %h0 = kinu.input "h" : !h
  %h = kinu.repeat "layer" 3 carried(%h0 : !h) stacked() -> carried(!h) sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>, %x: !h):
    %up = kinu.read @layer.up[%layer : !kinu.tensor<i64>] : !up
    %bias = kinu.read @layer.bias[%layer : !kinu.tensor<i64>] : !bias
    %b = kinu.dot %x, %up over ["embed"] : (!h, !up) -> !a
    %c = kinu.add %b, %bias : (!a, !bias) -> !a
    %t = kinu.tanh %c : !a
    %g = kinu.mul %c, %t : (!a, !a) -> !a
    %y = kinu.dot %g, %up over ["ffn"] : (!a, !up) -> !h
    kinu.yield %y : !h
  }
  %l = kinu.reduce sum %h over ["seq", "embed"] : (!h) -> !f
  %n = kinu.constant(12.0) : !f
  kinu.output "$loss_sum", %l : !f
  kinu.output "$loss_count", %n : !f
}
}
