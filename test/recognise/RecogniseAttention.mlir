// RUN: kinu-opt %s --kinu-recognise-attention --split-input-file | FileCheck %s

!q = !kinu.tensor<head=2, seq=3, dim=4 : f32>
!kv = !kinu.tensor<head=2, key=3, dim=4 : f32>
!s = !kinu.tensor<head=2, seq=3, key=3 : f32>
!row = !kinu.tensor<head=2, seq=3 : f32>
!f = !kinu.tensor<f32>
!pos = !kinu.tensor<seq=3 : i64>
!keypos = !kinu.tensor<key=3 : i64>

// The mask of documents is made inside from one number for each position; slopes come in; indices are made inside;
// probabilities in fp32 are probabilities.
// CHECK-LABEL: @documents_and_slopes
// CHECK-NOT: kinu.dot
// CHECK: kinu.attention %{{.*}}, %{{.*}}, %{{.*}} extras %[[DOC:[^ :,]+]], %[[KEYDOC:[^ :,]+]], %[[SLOPE:[^ :,]+]] sum ["dim"] query "seq" key "key"
// CHECK: ^bb0(%[[RAW:[^ :,]+]]: {{.*}}, %[[D:[^ :,]+]]: !kinu.tensor<seq=3 : i64>, %[[E:[^ :,]+]]: !kinu.tensor<key=3 : i64>, %[[S:[^ :,]+]]: !kinu.tensor<head=2 : f32>):
// CHECK-DAG: kinu.compare eq %[[D]], %[[E]]
// CHECK-DAG: kinu.index : {{.*}}<key=3 : i64>
// CHECK-DAG: kinu.mul %[[S]], %{{.*}}
// CHECK: kinu.yield
// CHECK-NOT: kinu.dot
kinu.program @documents_and_slopes {
  %q = kinu.input "q" : !q
  %k = kinu.input "k" : !kv
  %v = kinu.input "v" : !kv
  %doc = kinu.input "document" : !pos
  %slope = kinu.input "slope" : !kinu.tensor<head=2 : f32>
  %keydoc = kinu.rename %doc "seq" to "key" : (!pos) -> !keypos
  %same = kinu.compare eq %doc, %keydoc : (!pos, !keypos) -> !kinu.tensor<seq=3, key=3 : i1>
  %i = kinu.index : !pos
  %j = kinu.index : !keypos
  %far = kinu.sub %j, %i : (!keypos, !pos) -> !kinu.tensor<key=3, seq=3 : i64>
  %distance = kinu.to_float %far : (!kinu.tensor<key=3, seq=3 : i64>) -> !kinu.tensor<key=3, seq=3 : f32>
  %bias = kinu.mul %slope, %distance : (!kinu.tensor<head=2 : f32>, !kinu.tensor<key=3, seq=3 : f32>) -> !s
  %low = kinu.constant(0xFFF0000000000000 : f64) : !f
  %s = kinu.dot %q, %k over ["dim"] : (!q, !kv) -> !s
  %b = kinu.add %s, %bias : (!s, !s) -> !s
  %t = kinu.select %same, %b, %low : (!kinu.tensor<seq=3, key=3 : i1>, !s, !f) -> !s
  %m = kinu.reduce max %t over ["key"] : (!s) -> !row
  %d = kinu.sub %t, %m : (!s, !row) -> !s
  %e = kinu.exp %d : !s
  %sum = kinu.reduce sum %e over ["key"] : (!s) -> !row
  %p = kinu.div %e, %sum : (!s, !row) -> !s
  %p32 = kinu.fp32 %p : !s
  %o = kinu.dot %p32, %v over ["key"] : (!s, !kv) -> !q
  kinu.output "o", %o : !q
}

// -----

!q = !kinu.tensor<head=2, seq=3, dim=4 : f32>
!kv = !kinu.tensor<head=2, key=3, dim=4 : f32>
!s = !kinu.tensor<head=2, seq=3, key=3 : f32>
!row = !kinu.tensor<head=2, seq=3 : f32>

// A learned position bias wants a gradient, which attention gives to q, k and v only: it is left alone.
// CHECK-LABEL: @learned_bias
// CHECK-NOT: kinu.attention
kinu.variable @bias weight normal(0.0, 0.02) : !kinu.tensor<head=2, seq=3, key=3 : f32>
kinu.program @learned_bias {
  %q = kinu.input "q" : !q
  %k = kinu.input "k" : !kv
  %v = kinu.input "v" : !kv
  %bias = kinu.read @bias : !s
  %s = kinu.dot %q, %k over ["dim"] : (!q, !kv) -> !s
  %t = kinu.add %s, %bias : (!s, !s) -> !s
  %m = kinu.reduce max %t over ["key"] : (!s) -> !row
  %d = kinu.sub %t, %m : (!s, !row) -> !s
  %e = kinu.exp %d : !s
  %sum = kinu.reduce sum %e over ["key"] : (!s) -> !row
  %p = kinu.div %e, %sum : (!s, !row) -> !s
  %o = kinu.dot %p, %v over ["key"] : (!s, !kv) -> !q
  kinu.output "o", %o : !q
}

// -----

!q = !kinu.tensor<head=2, seq=3, dim=4 : f32>
!kv = !kinu.tensor<head=2, key=3, dim=4 : f32>
!s = !kinu.tensor<head=2, seq=3, key=3 : f32>
!row = !kinu.tensor<head=2, seq=3 : f32>

// Something else reads the probabilities: they are there anyway, and it is left alone.
// CHECK-LABEL: @probabilities_are_read
// CHECK-NOT: kinu.attention
kinu.program @probabilities_are_read {
  %q = kinu.input "q" : !q
  %k = kinu.input "k" : !kv
  %v = kinu.input "v" : !kv
  %s = kinu.dot %q, %k over ["dim"] : (!q, !kv) -> !s
  %e = kinu.exp %s : !s
  %sum = kinu.reduce sum %e over ["key"] : (!s) -> !row
  %p = kinu.div %e, %sum : (!s, !row) -> !s
  %o = kinu.dot %p, %v over ["key"] : (!s, !kv) -> !q
  kinu.output "o", %o : !q
  kinu.output "p", %p : !s
}

// -----

!q = !kinu.tensor<head=2, seq=3, dim=4 : f32>
!kv = !kinu.tensor<head=2, key=3, dim=4 : f32>
!s = !kinu.tensor<head=2, seq=3, key=3 : f32>
!row = !kinu.tensor<head=2, seq=3 : f32>

// Normalised over the queries, this is no attention; nor is a sum that is not of the exponentials.
// CHECK-LABEL: @other_axis
// CHECK-NOT: kinu.attention
kinu.program @other_axis {
  %q = kinu.input "q" : !q
  %k = kinu.input "k" : !kv
  %v = kinu.input "v" : !kv
  %s = kinu.dot %q, %k over ["dim"] : (!q, !kv) -> !s
  %e = kinu.exp %s : !s
  %sum = kinu.reduce sum %e over ["seq"] : (!s) -> !kinu.tensor<head=2, key=3 : f32>
  %p = kinu.div %e, %sum : (!s, !kinu.tensor<head=2, key=3 : f32>) -> !s
  %o = kinu.dot %p, %v over ["key"] : (!s, !kv) -> !q
  kinu.output "o", %o : !q
  %sum2 = kinu.reduce sum %s over ["key"] : (!s) -> !row
  %p2 = kinu.div %e, %sum2 : (!s, !row) -> !s
  %o2 = kinu.dot %p2, %v over ["key"] : (!s, !kv) -> !q
  kinu.output "o2", %o2 : !q
}

// -----

!q = !kinu.tensor<head=2, seq=3, dim=4 : f32>
!kv = !kinu.tensor<head=2, key=3, dim=4 : f32>
!s = !kinu.tensor<head=2, seq=3, key=3 : f32>
!row = !kinu.tensor<head=2, seq=3 : f32>
!b = !kinu.tensor<head=2, dim=4 : f32>
!f = !kinu.tensor<f32>

// A bias of every key shifts whole rows of scores, which the softmax does not see. Where a soft-cap bends the scores, it
// does.
// CHECK-LABEL: @key_bias
// CHECK: %[[K:[^ :,]+]] = kinu.input "k"
// CHECK: kinu.attention %{{[^ :,]+}}, %[[K]],
// CHECK: %[[BIASED:[^ :,]+]] = kinu.add %[[K]]
// CHECK: kinu.attention %{{[^ :,]+}}, %[[BIASED]],
kinu.program @key_bias {
  %q = kinu.input "q" : !q
  %k = kinu.input "k" : !kv
  %v = kinu.input "v" : !kv
  %bias = kinu.input "bias" : !b
  %scale = kinu.constant(2.0) : !f
  %kb = kinu.add %k, %bias : (!kv, !b) -> !kv
  %s = kinu.dot %q, %kb over ["dim"] : (!q, !kv) -> !s
  %t = kinu.div %s, %scale : (!s, !f) -> !s
  %e = kinu.exp %t : !s
  %sum = kinu.reduce sum %e over ["key"] : (!s) -> !row
  %p = kinu.div %e, %sum : (!s, !row) -> !s
  %o = kinu.dot %p, %v over ["key"] : (!s, !kv) -> !q
  kinu.output "o", %o : !q
  %kb2 = kinu.add %k, %bias : (!kv, !b) -> !kv
  %s2 = kinu.dot %q, %kb2 over ["dim"] : (!q, !kv) -> !s
  %t2 = kinu.tanh %s2 : !s
  %e2 = kinu.exp %t2 : !s
  %sum2 = kinu.reduce sum %e2 over ["key"] : (!s) -> !row
  %p2 = kinu.div %e2, %sum2 : (!s, !row) -> !s
  %o2 = kinu.dot %p2, %v over ["key"] : (!s, !kv) -> !q
  kinu.output "o2", %o2 : !q
}
