// RUN: kinu-opt %s --kinu-recognise-norm --split-input-file | FileCheck %s

!x = !kinu.tensor<seq=3, embed=4 : f32>
!row = !kinu.tensor<seq=3 : f32>
!e = !kinu.tensor<embed=4 : f32>
!f = !kinu.tensor<f32>

// The gain and the bias belong to the norm; `1 + gain` is computed inside.
// CHECK-LABEL: @root_mean_square
// CHECK: %[[Y:[^ :,]+]] = kinu.norm %[[X:[^ :,]+]], %[[GAIN:[^ :,]+]], %[[BIAS:[^ :,]+]] over ["embed"]
// CHECK: ^bb0(%[[XI:[^ :,]+]]: {{.*}}, %[[GI:[^ :,]+]]: {{.*}}, %[[BI:[^ :,]+]]: {{.*}}):
// CHECK-DAG: kinu.mul %[[XI]], %[[XI]]
// CHECK-DAG: kinu.add %{{.*}}, %[[GI]]
// CHECK: kinu.yield
// CHECK: kinu.output "y", %[[Y]]
// CHECK-NOT: kinu.sqrt
kinu.program @root_mean_square {
  %x = kinu.input "x" : !x
  %gain = kinu.input "gain" : !e
  %bias = kinu.input "bias" : !e
  %n = kinu.constant(4.0) : !f
  %eps = kinu.constant(1.0e-6) : !f
  %one = kinu.constant(1.0) : !f
  %xx = kinu.mul %x, %x : (!x, !x) -> !x
  %s = kinu.reduce sum %xx over ["embed"] : (!x) -> !row
  %v = kinu.div %s, %n : (!row, !f) -> !row
  %ve = kinu.add %v, %eps : (!row, !f) -> !row
  %root = kinu.sqrt %ve : !row
  %q = kinu.div %x, %root : (!x, !row) -> !x
  %g = kinu.add %one, %gain : (!f, !e) -> !e
  %m = kinu.mul %q, %g : (!x, !e) -> !x
  %y = kinu.add %m, %bias : (!x, !e) -> !x
  kinu.output "y", %y : !x
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
!row = !kinu.tensor<seq=3 : f32>
!f = !kinu.tensor<f32>

// The variance as the mean of squares less the squared mean. The residual that is added is no bias.
// CHECK-LABEL: @other_variance
// CHECK: %[[N:[^ :,]+]] = kinu.norm %[[X:[^ :,]+]] over ["embed"]
// CHECK: kinu.add %[[N]], %[[X]]
kinu.program @other_variance {
  %x = kinu.input "x" : !x
  %n = kinu.constant(0.25) : !f
  %eps = kinu.constant(1.0e-6) : !f
  %two = kinu.constant(2.0) : !f
  %s = kinu.reduce sum %x over ["embed"] : (!x) -> !row
  %mean = kinu.mul %s, %n : (!row, !f) -> !row
  %xx = kinu.pow %x, %two : (!x, !f) -> !x
  %ss = kinu.reduce sum %xx over ["embed"] : (!x) -> !row
  %square = kinu.mul %ss, %n : (!row, !f) -> !row
  %mm = kinu.mul %mean, %mean : (!row, !row) -> !row
  %v = kinu.sub %square, %mm : (!row, !row) -> !row
  %ve = kinu.add %v, %eps : (!row, !f) -> !row
  %root = kinu.sqrt %ve : !row
  %c = kinu.sub %x, %mean : (!x, !row) -> !x
  %q = kinu.div %c, %root : (!x, !row) -> !x
  %y = kinu.add %q, %x : (!x, !x) -> !x
  kinu.output "y", %y : !x
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
!row = !kinu.tensor<seq=3 : f32>
!f = !kinu.tensor<f32>

// Something else reads the root: it is left alone.
// CHECK-LABEL: @root_is_read
// CHECK-NOT: kinu.norm
kinu.program @root_is_read {
  %x = kinu.input "x" : !x
  %eps = kinu.constant(1.0e-6) : !f
  %xx = kinu.mul %x, %x : (!x, !x) -> !x
  %s = kinu.reduce sum %xx over ["embed"] : (!x) -> !row
  %ve = kinu.add %s, %eps : (!row, !f) -> !row
  %root = kinu.sqrt %ve : !row
  %y = kinu.div %x, %root : (!x, !row) -> !x
  kinu.output "y", %y : !x
  kinu.output "root", %root : !row
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
!row = !kinu.tensor<seq=3 : f32>
!f = !kinu.tensor<f32>

// One tensor divided by the size of another is no norm.
// CHECK-LABEL: @size_of_another
// CHECK-NOT: kinu.norm
kinu.program @size_of_another {
  %x = kinu.input "x" : !x
  %z = kinu.input "z" : !x
  %eps = kinu.constant(1.0e-6) : !f
  %zz = kinu.mul %z, %z : (!x, !x) -> !x
  %s = kinu.reduce sum %zz over ["embed"] : (!x) -> !row
  %ve = kinu.add %s, %eps : (!row, !f) -> !row
  %root = kinu.sqrt %ve : !row
  %y = kinu.div %x, %root : (!x, !row) -> !x
  kinu.output "y", %y : !x
}
