// Composite ops as a whole.
#pragma once

#include "dialects/kinu/Kinu.h"

namespace kinu {

/// Replaces the composite ops under `root` that `which` admits, those in definitions too, by what they stand for.
/// Returns how many there were.
int64_t expandComposites(mlir::Operation *root, llvm::function_ref<bool(mlir::Operation *)> which);

} // namespace kinu
