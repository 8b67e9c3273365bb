// Column and row parallel layers meet in one reduction; sharding variables and inputs by name.
// RUN: kinu-opt %s --kinu-partition | FileCheck %s

module attributes {kinu.layout = {rules = [["batch", "data"], ["ffn", "tensor"]]}} {
  tofu.mesh ["data", "tensor"] [2, 2]
  // CHECK: kinu.variable @up {{.*}}kinu.split = {ffn = ["tensor"]}{{.*}} : !kinu.tensor<embed=4, ffn=8 : f32>
  kinu.variable @up weight zeros(0.0, 0.0) : !kinu.tensor<embed=4, ffn=16 : f32>
  kinu.variable @down weight zeros(0.0, 0.0) : !kinu.tensor<ffn=16, embed=4 : f32>
  // CHECK-LABEL: kinu.program @mlp
  kinu.program @mlp {
    // CHECK: kinu.input "x" {{.*}} : <batch=3, embed=4 : f32>
    %x = kinu.input "x" : !kinu.tensor<batch=6, embed=4 : f32>
    %up = kinu.read @up : !kinu.tensor<embed=4, ffn=16 : f32>
    %down = kinu.read @down : !kinu.tensor<ffn=16, embed=4 : f32>
    // CHECK: %[[H:.*]] = kinu.dot {{.*}} -> !kinu.tensor<batch=3, ffn=8 : f32>
    %h = kinu.dot %x, %up over ["embed"] : (!kinu.tensor<batch=6, embed=4 : f32>, !kinu.tensor<embed=4, ffn=16 : f32>) -> !kinu.tensor<batch=6, ffn=16 : f32>
    // CHECK: %[[Y:.*]] = kinu.dot %[[H]]
    // CHECK-NEXT: tofu.all_reduce sum %[[Y]] on ["tensor"]
    %y = kinu.dot %h, %down over ["ffn"] : (!kinu.tensor<batch=6, ffn=16 : f32>, !kinu.tensor<ffn=16, embed=4 : f32>) -> !kinu.tensor<batch=6, embed=4 : f32>
    %z = kinu.tanh %y : !kinu.tensor<batch=6, embed=4 : f32>
    kinu.output "z", %z : !kinu.tensor<batch=6, embed=4 : f32>
  }
}
