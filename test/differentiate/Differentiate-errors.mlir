// RUN: kinu-opt %s --kinu-differentiate --split-input-file --verify-diagnostics
// RUN: not kinu-opt %s --kinu-differentiate="optimizer=adam" --split-input-file 2>&1 | FileCheck %s

// CHECK: requires optimizer adamw or sgd, but it is adam
module attributes {kinu.global_batch = 4 : i64, kinu.micro_batches = 1 : i64} {
  kinu.program @train {
  }
}

// -----

// The auxiliary loss is a mean over the global batch, so its size must be known.
// expected-error @below {{requires attribute kinu.global_batch}}
module {
  kinu.program @train {
  }
}

// -----

// A loss is a mean over all micro-batches of a step.
// expected-error @below {{requires attribute kinu.micro_batches}}
module attributes {kinu.global_batch = 4 : i64} {
  kinu.program @train {
  }
}
