// Softmax sums its exponentials in one pass and divides them in the next: they are computed once, for four vectors side
// by side, and kept. The shift is that of the exponent, one in each exponential.
// RUN: kinu-kernel-asm x86-64-v4 < %s | FileCheck %s

// CHECK-COUNT-4: vpslld
// CHECK-NOT:     vpslld
// CHECK:         kinu_scratch_bytes: .quad 4096
!x = !kinu.tensor<row=64, "token"=1024 : f32>
!row = !kinu.tensor<row=64 : f32>
step.kernel @softmax loops rows ["row"] inplace [] {
^bb0(%x: !x):
  %max = kinu.reduce max %x over ["token"] : (!x) -> !row
  %d = kinu.sub %x, %max : (!x, !row) -> !x
  %e = kinu.exp %d : !x
  %sum = kinu.reduce sum %e over ["token"] : (!x) -> !row
  %p = kinu.div %e, %sum : (!x, !row) -> !x
  kinu.yield %p : !x
}
