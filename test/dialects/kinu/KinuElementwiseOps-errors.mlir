// What elementwise ops do not allow, each with its message.
// RUN: kinu-opt %s --split-input-file --verify-diagnostics

// A constant is a scalar.
// expected-error @below {{requires a scalar result}}
kinu.program @p { kinu.constant(1.0) : !kinu.tensor<a=2 : f32> }

// -----

// A constant's value is of its type.
// expected-error @below {{requires a value of the result's element type}}
kinu.program @p { kinu.constant(1 : i64) : !kinu.tensor<f32> }

// -----

// An index runs along one axis.
// expected-error @below {{requires a result of one axis}}
kinu.program @p { kinu.index : !kinu.tensor<a=2, b=3 : i64> }

// -----

// Joining loses no axis.
kinu.program @p {
  %x = kinu.input "x" : !kinu.tensor<a=2 : f32>
  %y = kinu.input "y" : !kinu.tensor<b=3 : f32>
  // expected-error @below {{requires the result to have axis `b` of length 3, but it is}}
  kinu.add %x, %y : (!kinu.tensor<a=2 : f32>, !kinu.tensor<b=3 : f32>) -> !kinu.tensor<a=2 : f32>
}

// -----

// A name means one length.
kinu.program @p {
  %x = kinu.input "x" : !kinu.tensor<a=2 : f32>
  %y = kinu.input "y" : !kinu.tensor<a=3 : f32>
  // expected-error @below {{requires the result to have axis `a` of length 3, but it is}}
  kinu.add %x, %y : (!kinu.tensor<a=2 : f32>, !kinu.tensor<a=3 : f32>) -> !kinu.tensor<a=2 : f32>
}

// -----

// Ints and floats do not mix without a conversion.
kinu.program @p {
  %x = kinu.input "x" : !kinu.tensor<a=2 : f32>
  %y = kinu.input "y" : !kinu.tensor<a=2 : i64>
  // expected-error @below {{requires operands of one element type, but they are}}
  kinu.add %x, %y : (!kinu.tensor<a=2 : f32>, !kinu.tensor<a=2 : i64>) -> !kinu.tensor<a=2 : f32>
}

// -----

// Nor is the result converted.
kinu.program @p {
  %x = kinu.input "x" : !kinu.tensor<a=2 : f32>
  // expected-error @below {{requires a result of the operands' element type, but it is}}
  kinu.add %x, %x : (!kinu.tensor<a=2 : f32>, !kinu.tensor<a=2 : f32>) -> !kinu.tensor<a=2 : i64>
}

// -----

// The two sides of a choice are of one type; the condition's does not matter.
kinu.program @p {
  %c = kinu.input "c" : !kinu.tensor<a=2 : i1>
  %x = kinu.input "x" : !kinu.tensor<a=2 : f32>
  %n = kinu.input "n" : !kinu.tensor<a=2 : i64>
  kinu.select %c, %x, %x : (!kinu.tensor<a=2 : i1>, !kinu.tensor<a=2 : f32>, !kinu.tensor<a=2 : f32>) -> !kinu.tensor<a=2 : f32>
  // expected-error @below {{requires operands of one element type, but they are}}
  kinu.select %c, %x, %n : (!kinu.tensor<a=2 : i1>, !kinu.tensor<a=2 : f32>, !kinu.tensor<a=2 : i64>) -> !kinu.tensor<a=2 : f32>
}

// -----

// Logarithms are of floats.
kinu.program @p {
  %n = kinu.input "n" : !kinu.tensor<a=2 : i64>
  // expected-error @below {{must be tensor of floats, but got}}
  kinu.log %n : !kinu.tensor<a=2 : i64>
}

// -----

// A cast changes the format, not the axes.
!x = !kinu.tensor<seq=3 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires the result to have axis `seq` of length 3, but it is '!kinu.tensor<seq=4 : bf16>'}}
  kinu.cast %x : (!x) -> !kinu.tensor<seq=4 : bf16>
}
