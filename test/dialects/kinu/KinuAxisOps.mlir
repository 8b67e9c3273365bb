// Ops that remove, add or rename axes read back as they were printed.
// RUN: kinu-opt %s | FileCheck %s
// RUN: kinu-opt %s | kinu-opt | FileCheck %s

!x = !kinu.tensor<seq=3, embed=4 : f32>
!w = !kinu.tensor<embed=4, ffn=6 : f32>
!i = !kinu.tensor<seq=3 : i64>

// CHECK-LABEL: kinu.program @axes
kinu.program @axes {
  %x = kinu.input "x" : !x
  %w = kinu.input "w" : !w
  %i = kinu.input "i" below 6 : !i
  // CHECK: kinu.dot %{{.*}}, %{{.*}} over ["embed"] : (!kinu.tensor<seq=3, embed=4 : f32>, !kinu.tensor<embed=4, ffn=6 : f32>) -> !kinu.tensor<seq=3, ffn=6 : f32>
  // CHECK: kinu.reduce max %{{.*}} over ["seq", "embed"] : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<f32>
  // CHECK: kinu.broadcast %{{.*}} : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<seq=3, head=2, embed=4 : f32>
  kinu.dot %x, %w over ["embed"] : (!x, !w) -> !kinu.tensor<seq=3, ffn=6 : f32>
  kinu.reduce max %x over ["seq", "embed"] : (!x) -> !kinu.tensor<f32>
  kinu.broadcast %x : (!x) -> !kinu.tensor<seq=3, head=2, embed=4 : f32>
  // CHECK: kinu.cumsum %{{.*}} over "seq" : <seq=3, embed=4 : f32>
  // CHECK: kinu.cumsum %{{.*}} over "seq" reverse : <seq=3, embed=4 : f32>
  kinu.cumsum %x over "seq" : !x
  kinu.cumsum %x over "seq" reverse : !x
  // CHECK: kinu.lookup %{{.*}}["ffn"] at %{{.*}} : (!kinu.tensor<embed=4, ffn=6 : f32>, !kinu.tensor<seq=3 : i64>) -> !kinu.tensor<embed=4, seq=3 : f32>
  // CHECK: kinu.lookup %{{.*}}["ffn"] at %{{.*}} else 0.000000e+00 :
  kinu.lookup %w ["ffn"] at %i : (!w, !i) -> !kinu.tensor<embed=4, seq=3 : f32>
  kinu.lookup %w ["ffn"] at %i else 0.0 : (!w, !i) -> !kinu.tensor<embed=4, seq=3 : f32>
  // CHECK: kinu.scatter %{{.*}} over ["seq"] to ["ffn"] at %{{.*}} : (!kinu.tensor<seq=3, embed=4 : f32>, !kinu.tensor<seq=3 : i64>) -> !kinu.tensor<ffn=6, embed=4 : f32>
  // CHECK: kinu.scatter %{{.*}} over ["seq"] to ["ffn"] at %{{.*}} drop :
  kinu.scatter %x over ["seq"] to ["ffn"] at %i : (!x, !i) -> !kinu.tensor<ffn=6, embed=4 : f32>
  kinu.scatter %x over ["seq"] to ["ffn"] at %i drop : (!x, !i) -> !kinu.tensor<ffn=6, embed=4 : f32>
  // CHECK: kinu.top %{{.*}} over "embed" as "choice" : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<seq=3, choice=2 : i64>
  // CHECK: kinu.rename %{{.*}} "seq" to "key" : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<key=3, embed=4 : f32>
  kinu.top %x over "embed" as "choice" : (!x) -> !kinu.tensor<seq=3, choice=2 : i64>
  kinu.rename %x "seq" to "key" : (!x) -> !kinu.tensor<key=3, embed=4 : f32>
  // CHECK: %[[HALF:.*]] = kinu.slice %{{.*}} "embed" from 2 as "half" : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<seq=3, half=2 : f32>
  // CHECK: kinu.pad %[[HALF]] "half" at 2 as "embed" : (!kinu.tensor<seq=3, half=2 : f32>) -> !kinu.tensor<seq=3, embed=4 : f32>
  // CHECK: kinu.concat %[[HALF]], %[[HALF]] along ["half", "half"] as "embed" : (!kinu.tensor<seq=3, half=2 : f32>, !kinu.tensor<seq=3, half=2 : f32>) -> !kinu.tensor<seq=3, embed=4 : f32>
  %half = kinu.slice %x "embed" from 2 as "half" : (!x) -> !kinu.tensor<seq=3, half=2 : f32>
  kinu.pad %half "half" at 2 as "embed" : (!kinu.tensor<seq=3, half=2 : f32>) -> !x
  kinu.concat %half, %half along ["half", "half"] as "embed" : (!kinu.tensor<seq=3, half=2 : f32>, !kinu.tensor<seq=3, half=2 : f32>) -> !x
  // CHECK: %[[SPLIT:.*]] = kinu.split %{{.*}} "embed" into ["head", "dim"] : (!kinu.tensor<seq=3, embed=4 : f32>) -> !kinu.tensor<seq=3, head=2, dim=2 : f32>
  // CHECK: kinu.join %[[SPLIT]] ["head", "dim"] into "embed" : (!kinu.tensor<seq=3, head=2, dim=2 : f32>) -> !kinu.tensor<seq=3, embed=4 : f32>
  %split = kinu.split %x "embed" into ["head", "dim"] : (!x) -> !kinu.tensor<seq=3, head=2, dim=2 : f32>
  kinu.join %split ["head", "dim"] into "embed" : (!kinu.tensor<seq=3, head=2, dim=2 : f32>) -> !x
}
