// RUN: kinu-opt %s --kinu-split-reductions | FileCheck %s

!long = !kinu.tensor<batch=64, seq=1024 : f32>
!s = !kinu.tensor<f32>

// A sum of many elements to one is done in two: the parts are independent, one for each sequence.
// CHECK-LABEL: kinu.program @long
// CHECK: %[[PART:.*]] = kinu.reduce sum %{{.*}} over ["seq"] : (!kinu.tensor<batch=64, seq=1024 : f32>) -> !kinu.tensor<batch=64 : f32>
// CHECK: kinu.reduce sum %[[PART]] over ["batch"] : (!kinu.tensor<batch=64 : f32>) -> !kinu.tensor<f32>
kinu.program @long {
  %x = kinu.input "x" : !long
  %y = kinu.reduce sum %x over ["batch", "seq"] : (!long) -> !s
  kinu.output "y", %y : !s
}

// What is short, what leaves enough rows and what has one axis is left alone.
// CHECK-LABEL: kinu.program @stays
// CHECK: kinu.reduce sum %{{.*}} over ["batch", "seq"] : (!kinu.tensor<batch=4, seq=16 : f32>) -> !kinu.tensor<f32>
// CHECK: kinu.reduce max %{{.*}} over ["seq"] : (!kinu.tensor<batch=64, seq=1024 : f32>) -> !kinu.tensor<batch=64 : f32>
// CHECK: kinu.reduce sum %{{.*}} over ["seq"] : (!kinu.tensor<seq=65536 : f32>) -> !kinu.tensor<f32>
// CHECK-NOT: kinu.reduce
kinu.program @stays {
  %a = kinu.input "a" : !kinu.tensor<batch=4, seq=16 : f32>
  %b = kinu.input "b" : !long
  %c = kinu.input "c" : !kinu.tensor<seq=65536 : f32>
  %0 = kinu.reduce sum %a over ["batch", "seq"] : (!kinu.tensor<batch=4, seq=16 : f32>) -> !s
  %1 = kinu.reduce max %b over ["seq"] : (!long) -> !kinu.tensor<batch=64 : f32>
  %2 = kinu.reduce sum %c over ["seq"] : (!kinu.tensor<seq=65536 : f32>) -> !s
  kinu.output "0", %0 : !s
  kinu.output "1", %1 : !kinu.tensor<batch=64 : f32>
  kinu.output "2", %2 : !s
}

// A product whose right side adds no axis is a multiplication and a sum; one with rows and columns stays a product.
// CHECK-LABEL: kinu.program @products
// CHECK: %[[P:.*]] = kinu.mul %{{.*}}, %{{.*}} : (!kinu.tensor<seq=8, embed=4 : f32>, !kinu.tensor<embed=4 : f32>) -> !kinu.tensor<seq=8, embed=4 : f32>
// CHECK: kinu.reduce sum %[[P]] over ["embed"]
// CHECK: kinu.dot %{{.*}}, %{{.*}} over ["embed"] : {{.*}} -> !kinu.tensor<seq=8, ffn=6 : f32>
kinu.program @products {
  %x = kinu.input "x" : !kinu.tensor<seq=8, embed=4 : f32>
  %v = kinu.input "v" : !kinu.tensor<embed=4 : f32>
  %w = kinu.input "w" : !kinu.tensor<embed=4, ffn=6 : f32>
  %0 = kinu.dot %x, %v over ["embed"] : (!kinu.tensor<seq=8, embed=4 : f32>, !kinu.tensor<embed=4 : f32>) -> !kinu.tensor<seq=8 : f32>
  %1 = kinu.dot %x, %w over ["embed"] : (!kinu.tensor<seq=8, embed=4 : f32>, !kinu.tensor<embed=4, ffn=6 : f32>) -> !kinu.tensor<seq=8, ffn=6 : f32>
  kinu.output "0", %0 : !kinu.tensor<seq=8 : f32>
  kinu.output "1", %1 : !kinu.tensor<seq=8, ffn=6 : f32>
}
