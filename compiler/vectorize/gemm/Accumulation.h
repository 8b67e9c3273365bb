// A product that is added to a tensor, as gradients are over micro-batches.
//
// Where nothing else is to be done the micro-kernels add to the result's memory from the first round of k on, which
// costs no more than a product of several rounds.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

/// result = product + (skip ? 0 : old), by numbers of operands.
struct Accumulation {
  unsigned old;                 ///< the result may lie in its place
  std::optional<unsigned> skip; ///< a bool
};

/// What the kernel's only result is, if it is that.
std::optional<Accumulation> findAccumulation(step::KernelOp kernel, DotOp dot);

} // namespace kinu::vectorize
