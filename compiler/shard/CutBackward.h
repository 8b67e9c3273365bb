// The backward repeat in two halves, for schedules that fill idle time with gradients of weights.
#pragma once

#include "compiler/shard/Stages.h"

namespace kinu::shard {

/// What the stage before waits for is the chain: all that the carried gradients depend on. The rest computes gradients
/// of weights and can be done at any later time, from what the forward pass saved and from what is handed over.
struct BackwardHalves {
  explicit BackwardHalves(RepeatOp backward);

  llvm::SetVector<mlir::Operation *> chain, weights; ///< ops of the body, in its order; what is cheap may be in both
  llvm::SetVector<mlir::Value> handed; ///< values of the chain, and carried gradients, that `weights` reads
};

} // namespace kinu::shard
