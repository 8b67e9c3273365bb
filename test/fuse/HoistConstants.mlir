// RUN: kinu-opt %s --kinu-hoist-constants --canonicalize | FileCheck %s

!i = !kinu.tensor<seq=8 : i64>
!f = !kinu.tensor<seq=8 : f32>
!m = !kinu.tensor<seq=8, key=8 : i1>
!s = !kinu.tensor<f32>

// The sine of an index is a table; two programs that want the same one share it.
// CHECK: kinu.variable @table.0 table zeros({{.*}}) : !kinu.tensor<seq=8 : f32>
// CHECK-NOT: kinu.variable
// CHECK-LABEL: kinu.program @micro
// CHECK: %[[T:.*]] = kinu.read @table.0
// CHECK-NOT: kinu.sin
// CHECK: kinu.output "y", %[[T]]
kinu.program @micro {
  %i = kinu.index : !i
  %f = kinu.to_float %i : (!i) -> !f
  %sin = kinu.sin %f : !f
  kinu.output "y", %sin : !f
}

// CHECK-LABEL: kinu.program @eval
// CHECK: %[[T:.*]] = kinu.read @table.0
// CHECK: kinu.output "y", %[[T]]
kinu.program @eval {
  %i = kinu.index : !i
  %f = kinu.to_float %i : (!i) -> !f
  %sin = kinu.sin %f : !f
  kinu.output "y", %sin : !f
}

// A mask costs less to compute than to read: it stays. So do arithmetic on indices and anything that depends on data.
// CHECK-LABEL: kinu.program @stays
// CHECK-NOT: kinu.read
// CHECK: kinu.compare le
// CHECK: kinu.mul
// CHECK: kinu.exp
kinu.program @stays {
  %i = kinu.index : !i
  %k = kinu.index : !kinu.tensor<key=8 : i64>
  %mask = kinu.compare le %k, %i : (!kinu.tensor<key=8 : i64>, !i) -> !m
  %f = kinu.to_float %i : (!i) -> !f
  %half = kinu.constant(0.5) : !s
  %scaled = kinu.mul %f, %half : (!f, !s) -> !f
  %x = kinu.input "x" : !f
  %y = kinu.add %x, %scaled : (!f, !f) -> !f
  %e = kinu.exp %y : !f
  kinu.output "mask", %mask : !m
  kinu.output "scaled", %scaled : !f
  kinu.output "e", %e : !f
}

// The program `constants` fills the table.
// CHECK-LABEL: kinu.program @constants
// CHECK: %[[I:.*]] = kinu.index
// CHECK: %[[F:.*]] = kinu.to_float %[[I]]
// CHECK: %[[S:.*]] = kinu.sin %[[F]]
// CHECK: kinu.write @table.0, %[[S]]
