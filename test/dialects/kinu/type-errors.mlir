// An axis has one name and at least one element.
// RUN: not kinu-opt %s --split-input-file 2>&1 | FileCheck %s

// CHECK: error: axis `a` is named twice
kinu.variable @twice weight zeros(0.0, 0.0) : !kinu.tensor<a=2, a=3 : f32>

// -----

// CHECK: error: axis `a` has length -2, but needs at least 1
kinu.variable @negative weight zeros(0.0, 0.0) : !kinu.tensor<a=-2 : f32>

// -----

// Elements are of a type that kernels have.
// expected-error @below {{requires elements of type f32, bf16, f16, i64 or i1, but it is 'f64'}}
kinu.variable @x weight zeros(0.0, 0.0) : !kinu.tensor<seq=3 : f64>
