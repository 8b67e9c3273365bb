// Collectives read back as they were printed.
// RUN: kinu-opt %s | kinu-opt | FileCheck %s

// CHECK: tofu.mesh ["data", "tensor"] [2, 4]
tofu.mesh ["data", "tensor"] [2, 4]
// CHECK: tofu.placement [1, 2, 2, 2] digits [0, 1, 2, 1, 1, 2, 2, 1, 1, 3, 2, 1]
tofu.placement [1, 2, 2, 2] digits [0, 1, 2, 1, 1, 2, 2, 1, 1, 3, 2, 1]
kinu.program @p {
  %x = kinu.input "x" : !kinu.tensor<rank.tensor=4, seq=3 : f32>
  // CHECK: %[[PART:.*]] = tofu.reduce_scatter %{{.*}} on "tensor" : (!kinu.tensor<rank.tensor=4, seq=3 : f32>) -> !kinu.tensor<seq=3 : f32>
  %part = tofu.reduce_scatter %x on "tensor" : (!kinu.tensor<rank.tensor=4, seq=3 : f32>) -> !kinu.tensor<seq=3 : f32>
  // CHECK: tofu.all_gather %[[PART]] on "tensor" : (!kinu.tensor<seq=3 : f32>) -> !kinu.tensor<rank.tensor=4, seq=3 : f32>
  tofu.all_gather %part on "tensor" : (!kinu.tensor<seq=3 : f32>) -> !kinu.tensor<rank.tensor=4, seq=3 : f32>
  // CHECK: tofu.all_to_all %{{.*}} on "tensor" : <rank.tensor=4, seq=3 : f32>
  tofu.all_to_all %x on "tensor" : !kinu.tensor<rank.tensor=4, seq=3 : f32>
  // CHECK: tofu.shift %[[PART]] on "tensor" : <seq=3 : f32>
  tofu.shift %part on "tensor" : !kinu.tensor<seq=3 : f32>
  // CHECK: tofu.all_reduce max %[[PART]] on ["data", "tensor"] : <seq=3 : f32>
  tofu.all_reduce max %part on ["data", "tensor"] : !kinu.tensor<seq=3 : f32>
  // CHECK: tofu.all_reduce sum %[[PART]] on ["tensor"] among [0, 3] : <seq=3 : f32>
  tofu.all_reduce sum %part on ["tensor"] among [0, 3] : !kinu.tensor<seq=3 : f32>
  // CHECK: tofu.send %[[PART]] to 1 on "tensor" tag 5 : <seq=3 : f32>
  tofu.send %part to 1 on "tensor" tag 5 : !kinu.tensor<seq=3 : f32>
  // CHECK: tofu.receive from 0 on "tensor" tag 5 : <seq=3 : f32>
  %received = tofu.receive from 0 on "tensor" tag 5 : !kinu.tensor<seq=3 : f32>
  // CHECK: %[[BEGUN:.*]] = tofu.all_reduce async sum %[[PART]] on ["tensor"] : <seq=3 : f32>
  %begun = tofu.all_reduce async sum %part on ["tensor"] : !kinu.tensor<seq=3 : f32>
  // CHECK: tofu.wait %[[BEGUN]] with %[[PART]] : <seq=3 : f32>, !kinu.tensor<seq=3 : f32>
  %there = tofu.wait %begun with %part : !kinu.tensor<seq=3 : f32>, !kinu.tensor<seq=3 : f32>
}
