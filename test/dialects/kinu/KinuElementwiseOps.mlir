// Elementwise ops read back as they were printed.
// RUN: kinu-opt %s | FileCheck %s
// RUN: kinu-opt %s | kinu-opt | FileCheck %s

!f = !kinu.tensor<a=2 : f32>
!g = !kinu.tensor<b=3 : f32>
!fg = !kinu.tensor<a=2, b=3 : f32>
!i = !kinu.tensor<a=2 : i64>
!p = !kinu.tensor<a=2 : i1>
!int = !kinu.tensor<i64>

// CHECK-LABEL: kinu.program @elementwise
kinu.program @elementwise {
  %x = kinu.input "x" : !f
  %y = kinu.input "y" : !g
  %n = kinu.input "n" : !i
  %p = kinu.input "p" : !p
  // Sources.
  // CHECK: kinu.constant(2.500000e+00 : f64) : <f32>
  // CHECK: %[[SEVEN:.*]] = kinu.constant(7 : i64) : <i64>
  // CHECK: kinu.constant(true) : <i1>
  // CHECK: kinu.index : <a=2 : i64>
  // CHECK: kinu.random 5 of 8(%[[SEVEN]], %[[SEVEN]], %[[SEVEN]]) : (!kinu.tensor<i64>, !kinu.tensor<i64>, !kinu.tensor<i64>) -> !kinu.tensor<a=2 : f32>
  kinu.constant(2.5) : !kinu.tensor<f32>
  %seven = kinu.constant(7) : !int
  kinu.constant(true) : !kinu.tensor<i1>
  kinu.index : !i
  kinu.random 5 of 8 (%seven, %seven, %seven) : (!int, !int, !int) -> !f
  // Of one operand.
  // CHECK: kinu.neg %{{.*}} : <a=2 : i64>
  // CHECK: kinu.abs %{{.*}} : <a=2 : f32>
  // CHECK: kinu.exp %{{.*}} : <a=2 : f32>
  // CHECK: kinu.log %{{.*}} : <a=2 : f32>
  // CHECK: kinu.sqrt %{{.*}} : <a=2 : f32>
  // CHECK: kinu.tanh %{{.*}} : <a=2 : f32>
  // CHECK: kinu.erf %{{.*}} : <a=2 : f32>
  // CHECK: kinu.sin %{{.*}} : <a=2 : f32>
  // CHECK: kinu.cos %{{.*}} : <a=2 : f32>
  // CHECK: kinu.not %{{.*}} : <a=2 : i1>
  // CHECK: kinu.fp32 %{{.*}} : <a=2 : f32>
  // CHECK: kinu.to_float %{{.*}} : (!kinu.tensor<a=2 : i1>) -> !kinu.tensor<a=2 : f32>
  // CHECK: kinu.to_int %{{.*}} : (!kinu.tensor<a=2 : f32>) -> !kinu.tensor<a=2 : i64>
  kinu.neg %n : !i
  kinu.abs %x : !f
  kinu.exp %x : !f
  kinu.log %x : !f
  kinu.sqrt %x : !f
  kinu.tanh %x : !f
  kinu.erf %x : !f
  kinu.sin %x : !f
  kinu.cos %x : !f
  kinu.not %p : !p
  kinu.fp32 %x : !f
  kinu.to_float %p : (!p) -> !f
  kinu.to_int %x : (!f) -> !i
  // Of two operands, which join by name.
  // CHECK: kinu.add %{{.*}} : (!kinu.tensor<a=2 : f32>, !kinu.tensor<b=3 : f32>) -> !kinu.tensor<a=2, b=3 : f32>
  // CHECK: kinu.sub %{{.*}} : (!kinu.tensor<a=2 : i64>, !kinu.tensor<a=2 : i64>) -> !kinu.tensor<a=2 : i64>
  // CHECK: kinu.mul
  // CHECK: kinu.div
  // CHECK: kinu.floordiv
  // CHECK: kinu.mod
  // CHECK: kinu.pow
  // CHECK: kinu.max
  // CHECK: kinu.min
  // CHECK: kinu.and
  // CHECK: kinu.or
  // CHECK: kinu.chain
  kinu.add %x, %y : (!f, !g) -> !fg
  kinu.sub %n, %n : (!i, !i) -> !i
  kinu.mul %x, %x : (!f, !f) -> !f
  kinu.div %x, %x : (!f, !f) -> !f
  kinu.floordiv %n, %n : (!i, !i) -> !i
  kinu.mod %n, %n : (!i, !i) -> !i
  kinu.pow %x, %x : (!f, !f) -> !f
  kinu.max %x, %x : (!f, !f) -> !f
  kinu.min %n, %n : (!i, !i) -> !i
  kinu.and %p, %p : (!p, !p) -> !p
  kinu.or %p, %p : (!p, !p) -> !p
  kinu.chain %x, %y : (!f, !g) -> !fg
  // Comparing and choosing.
  // CHECK: %[[LESS:.*]] = kinu.compare lt %{{.*}}, %{{.*}} : (!kinu.tensor<a=2 : f32>, !kinu.tensor<b=3 : f32>) -> !kinu.tensor<a=2, b=3 : i1>
  // CHECK: kinu.select %[[LESS]], %{{.*}}, %{{.*}} : (!kinu.tensor<a=2, b=3 : i1>, !kinu.tensor<a=2 : f32>, !kinu.tensor<b=3 : f32>) -> !kinu.tensor<a=2, b=3 : f32>
  %less = kinu.compare lt %x, %y : (!f, !g) -> !kinu.tensor<a=2, b=3 : i1>
  kinu.select %less, %x, %y : (!kinu.tensor<a=2, b=3 : i1>, !f, !g) -> !fg
  // Other formats.
  // CHECK: %[[HALF:.*]] = kinu.cast %{{.*}} : (!kinu.tensor<a=2 : f32>) -> !kinu.tensor<a=2 : f16>
  // CHECK: kinu.dot %[[HALF]], %[[HALF]] over ["a"] promote 64 : (!kinu.tensor<a=2 : f16>, !kinu.tensor<a=2 : f16>) -> !kinu.tensor<f32>
  %half = kinu.cast %x : (!f) -> !kinu.tensor<a=2 : f16>
  kinu.dot %half, %half over ["a"] promote 64 : (!kinu.tensor<a=2 : f16>, !kinu.tensor<a=2 : f16>) -> !kinu.tensor<f32>
}
