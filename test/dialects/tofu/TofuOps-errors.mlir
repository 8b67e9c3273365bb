// A wait has what was begun, and what that sends; nobody else has what is not there yet. Sums are of f32.
// RUN: kinu-opt %s --split-input-file --verify-diagnostics

!x = !kinu.tensor<seq=4 : f32>
kinu.program @micro {
  %x = kinu.input "x" : !x
  %s = tofu.all_reduce sum %x on ["data"] : !x
  // expected-error @below {{requires what an async op began}}
  %t = tofu.wait %s with %x : !x, !x
}

// -----

!x = !kinu.tensor<seq=4 : f32>
kinu.program @micro {
  %x = kinu.input "x" : !x
  %y = kinu.input "y" : !x
  %s = tofu.all_reduce async sum %x on ["data"] : !x
  // expected-error @below {{requires the operand of the op that began it}}
  %t = tofu.wait %s with %y : !x, !x
}

// -----

!x = !kinu.tensor<seq=4 : f32>
kinu.program @micro {
  %x = kinu.input "x" : !x
  %s = tofu.all_reduce async sum %x on ["data"] : !x
  // expected-error @below {{requires that nobody else uses what is not there yet}}
  %t = tofu.wait %s with %x : !x, !x
  kinu.output "s", %s : !x
}

// -----

!x = !kinu.tensor<seq=4 : bf16>
kinu.program @micro {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires f32}}
  %s = tofu.all_reduce sum %x on ["data"] : !x
}

// -----

!x = !kinu.tensor<rank.data=2, seq=2 : f16>
!y = !kinu.tensor<seq=2 : f16>
kinu.program @micro {
  %x = kinu.input "x" : !x
  // expected-error @below {{requires f32}}
  %s = tofu.reduce_scatter %x on "data" : (!x) -> !y
}
