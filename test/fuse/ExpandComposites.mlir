// RUN: kinu-opt %s --kinu-expand-composites | FileCheck %s

!x = !kinu.tensor<seq=3, embed=4 : f32>
!k = !kinu.tensor<key=3, embed=4 : f32>
!w = !kinu.tensor<embed=4, token=5 : f32>
!z = !kinu.tensor<seq=3, token=5 : f32>
!t = !kinu.tensor<seq=3 : i64>
!row = !kinu.tensor<seq=3 : f32>

// A norm becomes its region.
// CHECK-LABEL: kinu.program @norm
// CHECK-NOT: kinu.norm
// CHECK: %[[SUM:.*]] = kinu.reduce sum %[[X:.*]] over ["embed"]
// CHECK: %[[Y:.*]] = kinu.div %[[X]], %[[SUM]]
// CHECK: kinu.output "y", %[[Y]]
kinu.program @norm {
  %x = kinu.input "x" : !x
  %y = kinu.norm %x over ["embed"] : (!x) -> !x {
  ^bb0(%in: !x):
    %s = kinu.reduce sum %in over ["embed"] : (!x) -> !row
    %r = kinu.div %in, %s : (!x, !row) -> !x
    kinu.yield %r : !x
  }
  kinu.output "y", %y : !x
}

// Linear + cross-entropy becomes a product, a guarded logsumexp and a lookup of the target's logit.
// CHECK-LABEL: kinu.program @loss
// CHECK-NOT: kinu.linear_cross_entropy
// CHECK: %[[Z:.*]] = kinu.dot %{{.*}}, %{{.*}} over ["embed"]
// CHECK: kinu.reduce max %[[Z]] over ["token"]
// CHECK: kinu.reduce sum %{{.*}} over ["token"]
// CHECK: kinu.log
// CHECK: %[[CHOSEN:.*]] = kinu.lookup %[[Z]] ["token"] at
// CHECK: %[[LOSS:.*]] = kinu.sub %{{.*}}, %[[CHOSEN]]
// CHECK: kinu.output "loss", %[[LOSS]]
kinu.program @loss {
  %x = kinu.input "x" : !x
  %w = kinu.input "w" : !w
  %t = kinu.input "t" below 5 : !t
  %loss, %l = kinu.linear_cross_entropy %x, %w, %t sum ["embed"] over "token" : (!x, !w, !t) -> (!row, !row) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  }
  kinu.output "loss", %loss : !row
}

// Attention has kernels of its own and stays.
// CHECK-LABEL: kinu.program @attention
// CHECK: kinu.attention
// CHECK-NOT: kinu.dot
kinu.program @attention {
  %q = kinu.input "q" : !x
  %k = kinu.input "k" : !k
  %y, %l = kinu.attention %q, %k, %k sum ["embed"] query "seq" key "key" : (!x, !k, !k) -> (!x, !row) {
  ^bb0(%raw: !kinu.tensor<seq=3, key=3 : f32>):
    kinu.yield %raw : !kinu.tensor<seq=3, key=3 : f32>
  }
  kinu.output "y", %y : !x
}
