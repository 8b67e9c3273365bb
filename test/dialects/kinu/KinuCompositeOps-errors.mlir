// What composite ops do not allow, each with its message.
// RUN: kinu-opt %s --split-input-file --verify-diagnostics

// Queries and keys are two axes: the score matrix has both.
!q = !kinu.tensor<seq=3, dim=4 : f32>
!row = !kinu.tensor<seq=3 : f32>
!score = !kinu.tensor<seq=3, key=3 : f32>
kinu.program @p {
  %q = kinu.input "q" : !q
  // expected-error @below {{requires k to have axis `key`, but it is '!kinu.tensor<seq=3, dim=4 : f32>'}}
  %y, %l = kinu.attention %q, %q, %q sum ["dim"] query "seq" key "key" : (!q, !q, !q) -> (!q, !row) {
  ^bb0(%raw: !score):
    kinu.yield %raw : !score
  }
}

// -----

// The region is a function of the scores that the operands make.
!q = !kinu.tensor<seq=3, dim=4 : f32>
!k = !kinu.tensor<key=5, dim=4 : f32>
!row = !kinu.tensor<seq=3 : f32>
!score = !kinu.tensor<seq=3, key=3 : f32>
kinu.program @p {
  %q = kinu.input "q" : !q
  %k = kinu.input "k" : !k
  // expected-error @below {{requires the region's argument to have the axes of '!kinu.tensor<seq=3, key=5 : f32>', but it is '!kinu.tensor<seq=3, key=3 : f32>'}}
  %y, %l = kinu.attention %q, %k, %k sum ["dim"] query "seq" key "key" : (!q, !k, !k) -> (!q, !row) {
  ^bb0(%raw: !score):
    kinu.yield %raw : !score
  }
}

// -----

// Factors are of one format.
!q = !kinu.tensor<seq=3, dim=4 : bf16>
!k = !kinu.tensor<key=3, dim=4 : f32>
!row = !kinu.tensor<seq=3 : f32>
!score = !kinu.tensor<seq=3, key=3 : f32>
kinu.program @p {
  %q = kinu.input "q" : !q
  %k = kinu.input "k" : !k
  // expected-error @below {{requires factors of one element type, but they are '!kinu.tensor<seq=3, dim=4 : bf16>' and '!kinu.tensor<key=3, dim=4 : f32>'}}
  %y, %l = kinu.attention %q, %k, %k sum ["dim"] query "seq" key "key" : (!q, !k, !k) -> (!q, !row) {
  ^bb0(%raw: !score):
    kinu.yield %raw : !score
  }
}

// -----

// What keeps the softmax's denominator is not rounded to 16 bits.
!q = !kinu.tensor<seq=3, dim=4 : f32>
!w = !kinu.tensor<dim=4, token=5 : f32>
!z = !kinu.tensor<seq=3, token=5 : f32>
!id = !kinu.tensor<seq=3 : i64>
kinu.program @p {
  %h = kinu.input "h" : !q
  %w = kinu.input "w" : !w
  %t = kinu.input "t" below 5 : !id
  // expected-error @below {{requires logsumexp in f32, but it is '!kinu.tensor<seq=3 : bf16>'}}
  %loss, %l = kinu.linear_cross_entropy %h, %w, %t sum ["dim"] over "token"
      : (!q, !w, !id) -> (!kinu.tensor<seq=3 : f32>, !kinu.tensor<seq=3 : bf16>) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  }
}

// -----

// A gradient has the axes of what it belongs to.
!q = !kinu.tensor<seq=3, dim=4 : f32>
!w = !kinu.tensor<dim=4, token=5 : f32>
!z = !kinu.tensor<seq=3, token=5 : f32>
!id = !kinu.tensor<seq=3 : i64>
!row = !kinu.tensor<seq=3 : f32>
kinu.program @p {
  %h = kinu.input "h" : !q
  %w = kinu.input "w" : !w
  %t = kinu.input "t" below 5 : !id
  %l = kinu.input "l" : !row
  // expected-error @below {{requires dweight to have the axes of '!kinu.tensor<dim=4, "token"=5 : f32>', but it is '!kinu.tensor<seq=3, dim=4 : f32>'}}
  %dh, %dw = kinu.linear_cross_entropy_backward %h, %w, %t, %l, %l sum ["dim"] over "token"
      : (!q, !w, !id, !row, !row) -> (!q, !q) {
  ^bb0(%z: !z):
    kinu.yield %z : !z
  } {
  ^bb0(%z: !z, %dt: !z):
    kinu.yield %dt : !z
  }
}

// -----

// A norm's definition takes the norm's operands.
!x = !kinu.tensor<seq=3, embed=4 : f32>
kinu.program @p {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires a region of 1 arguments, but it has 2}}
  %y = kinu.norm %x over ["embed"] : (!x) -> !x {
  ^bb0(%a: !x, %b: !x):
    kinu.yield %a : !x
  }
}
