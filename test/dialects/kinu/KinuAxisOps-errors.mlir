// What ops on axes do not allow, each with its message.
// RUN: kinu-opt %s --split-input-file --verify-diagnostics

!x = !kinu.tensor<seq=3, embed=4 : f32>
!w = !kinu.tensor<embed=5, ffn=6 : f32>

// `@{}` sums over axes that both sides have.
kinu.program @p {
  %x = kinu.input "x" : !x
  %w = kinu.input "w" : !w
  // expected-error @below {{requires axis `seq` in '!kinu.tensor<embed=5, ffn=6 : f32>'}}
  kinu.dot %x, %w over ["seq"] : (!x, !w) -> !kinu.tensor<embed=4, ffn=6 : f32>
}

// -----

// An axis is as long on one side as on the other.
!x = !kinu.tensor<seq=3, embed=4 : f32>
!w = !kinu.tensor<embed=5, ffn=6 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  %w = kinu.input "w" : !w
  // expected-error @below {{requires one length of axis `embed`, but it is 4 and 5}}
  kinu.dot %x, %w over ["embed"] : (!x, !w) -> !kinu.tensor<seq=3, ffn=6 : f32>
}

// -----

// Nothing but what is named goes away.
!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires the result to have axis `seq` of length 3}}
  kinu.reduce sum %x over ["embed"] : (!x) -> !kinu.tensor<f32>
}

// -----

// What is named does go away.
!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires a result of 1 axes, but it is}}
  kinu.reduce sum %x over ["embed"] : (!x) -> !x
}

// -----

// An axis that is not there cannot be reduced.
!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires axis `key` in}}
  kinu.reduce sum %x over ["key"] : (!x) -> !x
}

// -----

// A broadcast adds axes and removes none.
!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires the result to have axis `embed` of length 4}}
  kinu.broadcast %x : (!x) -> !kinu.tensor<seq=3, head=2 : f32>
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires axis `key` in}}
  kinu.cumsum %x over "key" : !x
}

// -----

// Each axis looked up has its index.
!x = !kinu.tensor<seq=3, embed=4 : f32>
!i = !kinu.tensor<batch=2 : i64>
kinu.program @p {
  %x = kinu.input "x" : !x
  %i = kinu.input "i" : !i
  // expected-error @below {{requires an index for each of its 2 axes, but has 1}}
  kinu.lookup %x ["seq", "embed"] at %i : (!x, !i) -> !kinu.tensor<batch=2 : f32>
}

// -----

// The axes of the index take the place of the axis.
!x = !kinu.tensor<seq=3, embed=4 : f32>
!i = !kinu.tensor<batch=2 : i64>
kinu.program @p {
  %x = kinu.input "x" : !x
  %i = kinu.input "i" : !i
  // expected-error @below {{requires the result to have axis `batch` of length 2}}
  kinu.lookup %x ["seq"] at %i : (!x, !i) -> !kinu.tensor<embed=4 : f32>
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
!i = !kinu.tensor<seq=3 : i64>
kinu.program @p {
  %x = kinu.input "x" : !x
  %i = kinu.input "i" : !i
  // expected-error @below {{requires an index for each of its 1 axes, but has 2}}
  kinu.scatter %x over ["seq"] to ["slot"] at %i, %i : (!x, !i, !i) -> !kinu.tensor<slot=5, embed=4 : f32>
}

// -----

// A scatter sums over what it names and nothing else.
!x = !kinu.tensor<seq=3, embed=4 : f32>
!i = !kinu.tensor<seq=3 : i64>
kinu.program @p {
  %x = kinu.input "x" : !x
  %i = kinu.input "i" : !i
  // expected-error @below {{requires the result to have axis `embed` of length 4}}
  kinu.scatter %x over ["seq"] to ["slot"] at %i : (!x, !i) -> !kinu.tensor<slot=5 : f32>
}

// -----

// There are no five largest of four.
!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires `choice` to be no longer than `embed`}}
  kinu.top %x over "embed" as "choice" : (!x) -> !kinu.tensor<seq=3, choice=5 : i64>
}

// -----

// A new name changes no length.
!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires one length of `seq` and `key`}}
  kinu.rename %x "seq" to "key" : (!x) -> !kinu.tensor<key=5, embed=4 : f32>
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires the slice to lie inside `embed`}}
  kinu.slice %x "embed" from 3 as "half" : (!x) -> !kinu.tensor<seq=3, half=2 : f32>
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires the operand to fit inside `wide`}}
  kinu.pad %x "embed" at 3 as "wide" : (!x) -> !kinu.tensor<seq=3, wide=6 : f32>
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires the factors' product to be the length of `embed`}}
  kinu.split %x "embed" into ["head", "dim"] : (!x) -> !kinu.tensor<seq=3, head=2, dim=3 : f32>
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires the factors' product to be the length of `flat`}}
  kinu.join %x ["seq", "embed"] into "flat" : (!x) -> !kinu.tensor<flat=11 : f32>
}

// -----

!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires an axis for each operand}}
  kinu.concat %x, %x along ["embed"] as "wide" : (!x, !x) -> !kinu.tensor<seq=3, wide=8 : f32>
}

// -----

// Lengths add up.
!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires the result to have axis `wide` of length 8}}
  kinu.concat %x, %x along ["embed", "embed"] as "wide" : (!x, !x) -> !kinu.tensor<seq=3, wide=7 : f32>
}

// -----

// Factors are of one format.
!x = !kinu.tensor<seq=3, embed=4 : bf16>
!w = !kinu.tensor<embed=4, ffn=6 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  %w = kinu.input "w" : !w
  // expected-error @below {{requires operands of one element type, but they are '!kinu.tensor<seq=3, embed=4 : bf16>' and '!kinu.tensor<embed=4, ffn=6 : f32>'}}
  kinu.dot %x, %w over ["embed"] : (!x, !w) -> !kinu.tensor<seq=3, ffn=6 : f32>
}

// -----

// Only fp16 sums are promoted.
!x = !kinu.tensor<seq=3, embed=4 : f32>
!w = !kinu.tensor<embed=4, ffn=6 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  %w = kinu.input "w" : !w
  // expected-error @below {{requires f16 operands and at least one term for `promote`}}
  kinu.dot %x, %w over ["embed"] promote 64 : (!x, !w) -> !kinu.tensor<seq=3, ffn=6 : f32>
}
