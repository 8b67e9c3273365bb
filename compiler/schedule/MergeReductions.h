// The program `reduce` becomes part of what a step runs over its last micro-batch.
#pragma once

#include "dialects/step/Step.h"

namespace kinu::schedule {

/// Moves what `reduce` does to each gradient to where the last micro-batch writes that gradient for the last time, and
/// erases `reduce`. A program that other micro-batches run, too, is copied first. Returns how many gradients, or slices
/// of them, that were. Fails where nobody writes a gradient: a compiler bug.
llvm::FailureOr<unsigned> mergeReductions(mlir::ModuleOp module);

} // namespace kinu::schedule
