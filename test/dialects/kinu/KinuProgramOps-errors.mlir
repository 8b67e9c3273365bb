// What programs, variables and repeats do not allow, each with its message.
// RUN: kinu-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{requires role weight, bias, gain, moment1, moment2, gradient, sum, table, copy, stash or message, but it is parameter}}
kinu.variable @w parameter zeros(0.0, 0.0) : !kinu.tensor<a=2 : f32>

// -----

// expected-error @below {{requires initialiser normal, truncated_normal, uniform, zeros or ones, but it is twos}}
kinu.variable @w weight twos(0.0, 0.0) : !kinu.tensor<a=2 : f32>

// -----

kinu.program @p {
  // expected-error @below {{requires at least one round}}
  kinu.repeat "layer" 0 carried() stacked() -> carried() sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>):
    kinu.yield
  }
}

// -----

// The round is an argument too.
kinu.program @p {
  // expected-error @below {{requires an argument for the round, each carried value and each stacked one}}
  kinu.repeat "layer" 2 carried() stacked() -> carried() sums() saved() {
    kinu.yield
  }
}

// -----

!h = !kinu.tensor<seq=3 : f32>
kinu.program @p {
  %h = kinu.input "h" : !h
  // expected-error @below {{requires a yielded value for each result, the carried ones first}}
  kinu.repeat "layer" 2 carried(%h : !h) stacked() -> carried(!h) sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>, %x: !h):
    kinu.yield
  }
}

// -----

// What a round hands to the next is what it was given.
!h = !kinu.tensor<seq=3 : f32>
!k = !kinu.tensor<key=3 : f32>
kinu.program @p {
  %h = kinu.input "h" : !h
  // expected-error @below {{requires a carried value to keep its type, but it is '!kinu.tensor<seq=3 : f32>' and then '!kinu.tensor<key=3 : f32>'}}
  kinu.repeat "layer" 2 carried(%h : !h) stacked() -> carried(!h) sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>, %x: !h):
    %y = kinu.rename %x "seq" to "key" : (!h) -> !k
    kinu.yield %y : !k
  }
}

// -----

// A round sees its slice of a stacked value, without the repeat's axis.
!s = !kinu.tensor<layer=2, seq=3 : f32>
kinu.program @p {
  %s = kinu.input "s" : !s
  // expected-error @below {{requires a slice of '!kinu.tensor<layer=2, seq=3 : f32>', but it is '!kinu.tensor<layer=2, seq=3 : f32>'}}
  kinu.repeat "layer" 2 carried() stacked(%s : !s) -> carried() sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>, %x: !s):
    kinu.yield
  }
}

// -----

// What is saved is stacked under the repeat's axis.
!h = !kinu.tensor<seq=3 : f32>
kinu.program @p {
  %h = kinu.input "h" : !h
  // expected-error @below {{requires a saved value to be stacked under `layer`}}
  kinu.repeat "layer" 2 carried() stacked() -> carried() sums() saved(!h) {
  ^bb0(%layer: !kinu.tensor<i64>):
    kinu.yield %h : !h
  }
}
