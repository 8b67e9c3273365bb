// Composite ops read back as they were printed, their regions with them.
// RUN: kinu-opt %s | FileCheck %s
// RUN: kinu-opt %s | kinu-opt | FileCheck %s

!q = !kinu.tensor<seq=3, dim=4 : f32>
!k = !kinu.tensor<key=3, dim=4 : f32>
!row = !kinu.tensor<seq=3 : f32>
!score = !kinu.tensor<seq=3, key=3 : f32>
!f = !kinu.tensor<f32>

// CHECK-LABEL: kinu.program @attention
kinu.program @attention {
  %q = kinu.input "q" : !q
  %k = kinu.input "k" : !k
  %scale = kinu.input "scale" : !f
  // CHECK: %[[Y:[^ ,]*]], %[[L:.*]] = kinu.attention %{{.*}}, %{{.*}}, %{{.*}} extras %{{.*}} sum ["dim"] query "seq" key "key" :
  // CHECK: ^bb0(%[[RAW:.*]]: !kinu.tensor<seq=3, key=3 : f32>, %[[EXTRA:.*]]: !kinu.tensor<f32>):
  // CHECK: kinu.mul %[[RAW]], %[[EXTRA]]
  %y, %l = kinu.attention %q, %k, %k extras %scale sum ["dim"] query "seq" key "key" : (!q, !k, !k, !f) -> (!q, !row) {
  ^bb0(%raw: !score, %e: !f):
    %t = kinu.mul %raw, %e : (!score, !f) -> !score
    kinu.yield %t : !score
  }
  // CHECK: kinu.attention_backward %{{.*}}, %{{.*}}, %{{.*}}, %[[Y]], %[[L]], %{{.*}} extras %{{.*}} sum ["dim"] query "seq" key "key" :
  // CHECK: } {
  %dq, %dk, %dv = kinu.attention_backward %q, %k, %k, %y, %l, %q extras %scale sum ["dim"] query "seq" key "key"
      : (!q, !k, !k, !q, !row, !q, !f) -> (!q, !k, !k) {
  ^bb0(%raw: !score, %e: !f):
    %t = kinu.mul %raw, %e : (!score, !f) -> !score
    kinu.yield %t : !score
  } {
  ^bb0(%raw: !score, %dt: !score, %e: !f):
    %ds = kinu.chain %dt, %e : (!score, !f) -> !score
    kinu.yield %ds : !score
  }
}

// CHECK-LABEL: kinu.program @linear_cross_entropy
!w = !kinu.tensor<dim=4, token=5 : f32>
!z = !kinu.tensor<seq=3, token=5 : f32>
kinu.program @linear_cross_entropy {
  %h = kinu.input "h" : !q
  %w = kinu.input "w" : !w
  %t = kinu.input "t" below 5 : !kinu.tensor<seq=3 : i64>
  %g = kinu.input "g" : !row
  // CHECK: kinu.linear_cross_entropy %{{.*}}, %{{.*}}, %{{.*}} sum ["dim"] over "token" :
  %loss, %l = kinu.linear_cross_entropy %h, %w, %t sum ["dim"] over "token" : (!q, !w, !kinu.tensor<seq=3 : i64>) -> (!row, !row) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  }
  // CHECK: kinu.linear_cross_entropy_backward %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} sum ["dim"] over "token" :
  %dh, %dw = kinu.linear_cross_entropy_backward %h, %w, %t, %l, %g sum ["dim"] over "token"
      : (!q, !w, !kinu.tensor<seq=3 : i64>, !row, !row) -> (!q, !w) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  } {
  ^bb0(%z: !z, %dt: !z):
    kinu.yield %dt : !z
  }
}

// CHECK-LABEL: kinu.program @norm
kinu.program @norm {
  %x = kinu.input "x" : !q
  // CHECK: kinu.norm %{{.*}} over ["dim"] : (!kinu.tensor<seq=3, dim=4 : f32>) -> !kinu.tensor<seq=3, dim=4 : f32> {
  %y = kinu.norm %x over ["dim"] : (!q) -> !q {
  ^bb0(%in: !q):
    %s = kinu.reduce sum %in over ["dim"] : (!q) -> !row
    %r = kinu.div %in, %s : (!q, !row) -> !q
    kinu.yield %r : !q
  }
  // CHECK: kinu.norm_backward %{{.*}}, %{{.*}} over ["dim"] : (!kinu.tensor<seq=3, dim=4 : f32>, !kinu.tensor<seq=3, dim=4 : f32>) -> !kinu.tensor<seq=3, dim=4 : f32> {
  %dx = kinu.norm_backward %x, %y over ["dim"] : (!q, !q) -> !q {
  ^bb0(%in: !q, %g: !q):
    %r = kinu.chain %g, %in : (!q, !q) -> !q
    kinu.yield %r : !q
  }
}
