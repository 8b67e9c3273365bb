// Composite ops as a whole.
#pragma once

#include "dialects/kinu/Kinu.h"

namespace kinu {

/// Of an attention over some of the keys that a query has: where it sees none of these its logsumexp is -inf, so that a
/// softmax over more keys can be made of several.
inline constexpr llvm::StringLiteral kSomeKeys = "kinu.some_keys";

/// Replaces the composite ops under `root` that `which` admits, those in definitions too, by what they stand for.
/// Returns how many there were.
int64_t expandComposites(mlir::Operation *root, llvm::function_ref<bool(mlir::Operation *)> which);

} // namespace kinu
