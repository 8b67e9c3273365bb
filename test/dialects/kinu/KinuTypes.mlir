// A type reads back as it was printed, whatever its axes are called.
// RUN: kinu-opt %s | FileCheck %s
// RUN: kinu-opt %s | kinu-opt | FileCheck %s

// CHECK-LABEL: kinu.program @types
kinu.program @types {
  // Floats, ints and bools; a scalar has no axes.
  // CHECK: : <f32>
  // CHECK: : <i64>
  // CHECK: : <batch=4, seq=64 : i1>
  kinu.input "scalar" : !kinu.tensor<f32>
  kinu.input "int" : !kinu.tensor<i64>
  kinu.input "bool" : !kinu.tensor<batch=4, seq=64 : i1>
  // The order of axes is kept: from `fuse` on it is the order in memory.
  // CHECK: : <seq=64, batch=4 : f32>
  kinu.input "order" : !kinu.tensor<seq=64, batch=4 : f32>
  // A name that would read as a type is quoted, and so is one that is no word.
  // CHECK: : <"f32"=2, "index"=3, "half@2"=4, "token"=5 : f32>
  kinu.input "names" : !kinu.tensor<"f32"=2, "index"=3, "half@2"=4, "token"=5 : f32>
  // CHECK: : <seq=2, ffn=3, in=4 : f32>
  kinu.input "words" : !kinu.tensor<"seq"=2, "ffn"=3, "in"=4 : f32>
}
