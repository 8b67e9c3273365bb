// A product that is added to a tensor, as gradients are over micro-batches.
//
// Where nothing else is to be done the micro-kernels add to the result's memory from the first round of k on, which
// costs no more than a product of several rounds.
#pragma once

#include "compiler/vectorize/gemm/Pieces.h"

namespace kinu::vectorize {

/// result = product + (skip ? 0 : old), by numbers of operands.
struct Accumulation {
  unsigned old;                 ///< the result may lie in its place
  std::optional<unsigned> skip; ///< a bool
};

/// What the kernel's only result is, if it is that.
std::optional<Accumulation> findAccumulation(step::KernelOp kernel, DotOp dot);

/// i1: whether a piece of the product is added to something, which is then in the result's memory: it is brought there
/// if it lies elsewhere.
mlir::Value findOldResult(Emission &e, const Accumulation &accumulation, const ContractionShape &shape,
                          const PieceOfProduct &piece);

} // namespace kinu::vectorize
