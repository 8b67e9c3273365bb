// What a repeat stacks must be what another one saved: rounds of anything else have no buffers.
// RUN: kinu-opt %s --kinu-unroll-repeats --verify-diagnostics

!h = !kinu.tensor<seq=4 : f32>
!s = !kinu.tensor<layer=2, seq=4 : f32>
kinu.program @micro {
  %s = kinu.input "s" : !s
  // expected-error @below {{requires stacked values to be what another repeat saved}}
  kinu.repeat "layer" 2 carried() stacked(%s : !s) -> carried() sums() saved() {
  ^bb0(%layer: !kinu.tensor<i64>, %x: !h):
    kinu.yield
  }
}
