// What needs no computing is not computed, and nothing that a NaN or an infinity could tell apart is.
// RUN: kinu-opt %s --canonicalize | FileCheck %s

!f = !kinu.tensor<a=2 : f32>
!s = !kinu.tensor<f32>
!n = !kinu.tensor<i64>

// Constants are computed in double; ints only where the result fits.
// CHECK-LABEL: kinu.program @constants
// CHECK-DAG: %[[E:.*]] = kinu.constant(2.7182818284590451 : f64)
// CHECK-DAG: %[[DOWN:.*]] = kinu.constant(-2 : i64)
// CHECK-DAG: %[[MOD:.*]] = kinu.constant(1 : i64)
// CHECK-DAG: %[[MAX:.*]] = kinu.constant(9223372036854775807 : i64)
// CHECK: %[[BIG:.*]] = kinu.add %[[MAX]], %[[MAX]]
// CHECK: kinu.output "e", %[[E]]
// CHECK: kinu.output "down", %[[DOWN]]
// CHECK: kinu.output "mod", %[[MOD]]
// CHECK: kinu.output "big", %[[BIG]]
kinu.program @constants {
  %one = kinu.constant(1.0) : !s
  %e = kinu.exp %one : !s
  %m = kinu.constant(-3 : i64) : !n
  %two = kinu.constant(2 : i64) : !n
  %down = kinu.floordiv %m, %two : (!n, !n) -> !n
  %mod = kinu.mod %m, %two : (!n, !n) -> !n
  %max = kinu.constant(9223372036854775807 : i64) : !n
  %big = kinu.add %max, %max : (!n, !n) -> !n
  kinu.output "e", %e : !s
  kinu.output "down", %down : !n
  kinu.output "mod", %mod : !n
  kinu.output "big", %big : !n
}

// Times one, divided by one, minus zero, twice negated, chosen by a constant, broadcast to itself: x.
// CHECK-LABEL: kinu.program @identities
// CHECK: %[[X:.*]] = kinu.input "x"
// CHECK-NOT: kinu.{{mul|div|sub|neg|select|broadcast}}
// CHECK: kinu.output "y", %[[X]]
kinu.program @identities {
  %x = kinu.input "x" : !f
  %zero = kinu.constant(0.0) : !s
  %one = kinu.constant(1.0) : !s
  %yes = kinu.constant(true) : !kinu.tensor<i1>
  %a = kinu.mul %x, %one : (!f, !s) -> !f
  %b = kinu.div %a, %one : (!f, !s) -> !f
  %c = kinu.sub %b, %zero : (!f, !s) -> !f
  %d = kinu.neg %c : !f
  %e = kinu.neg %d : !f
  %g = kinu.select %yes, %e, %d : (!kinu.tensor<i1>, !f, !f) -> !f
  %h = kinu.broadcast %g : (!f) -> !f
  kinu.output "y", %h : !f
}

// x * 0 is NaN for an infinite x, x + 0 turns -0 into 0, x - x is NaN for an infinite x: they stay. A product that adds
// axes stays too.
// CHECK-LABEL: kinu.program @not_identities
// CHECK: kinu.mul
// CHECK: kinu.add
// CHECK: kinu.sub
// CHECK: kinu.mul
kinu.program @not_identities {
  %x = kinu.input "x" : !f
  %one = kinu.constant(1.0) : !s
  %zero = kinu.constant(0.0) : !s
  %a = kinu.mul %x, %zero : (!f, !s) -> !f
  %b = kinu.add %x, %zero : (!f, !s) -> !f
  %c = kinu.sub %x, %x : (!f, !f) -> !f
  %d = kinu.mul %one, %x : (!s, !f) -> !kinu.tensor<b=3, a=2 : f32>
  kinu.output "a", %a : !f
  kinu.output "b", %b : !f
  kinu.output "c", %c : !f
  kinu.output "d", %d : !kinu.tensor<b=3, a=2 : f32>
}

// A 16-bit number that was made longer and shorter again is itself; a rounding stays.
// CHECK-LABEL: kinu.program @casts
kinu.program @casts {
  // CHECK: %[[X:.*]] = kinu.input "x"
  %x = kinu.input "x" : !kinu.tensor<a=4 : bf16>
  %long = kinu.cast %x : (!kinu.tensor<a=4 : bf16>) -> !kinu.tensor<a=4 : f32>
  %short = kinu.cast %long : (!kinu.tensor<a=4 : f32>) -> !kinu.tensor<a=4 : bf16>
  // CHECK: kinu.output "same", %[[X]]
  kinu.output "same", %short : !kinu.tensor<a=4 : bf16>
  %y = kinu.input "y" : !kinu.tensor<a=4 : f32>
  %rounded = kinu.cast %y : (!kinu.tensor<a=4 : f32>) -> !kinu.tensor<a=4 : bf16>
  %back = kinu.cast %rounded : (!kinu.tensor<a=4 : bf16>) -> !kinu.tensor<a=4 : f32>
  // CHECK: %[[BACK:.*]] = kinu.cast %{{.*}} : (!kinu.tensor<a=4 : bf16>) -> !kinu.tensor<a=4 : f32>
  // CHECK: kinu.output "rounded", %[[BACK]]
  kinu.output "rounded", %back : !kinu.tensor<a=4 : f32>
}
