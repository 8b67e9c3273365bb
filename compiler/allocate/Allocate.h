// The allocate stage: every value's place in the arena.
#pragma once

#include "dialects/step/Step.h"

#include "mlir/Pass/Pass.h"

namespace kinu::allocate {

#define GEN_PASS_DECL
#include "compiler/allocate/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/allocate/Passes.h.inc"

/// Every buffer starts at a multiple of this many bytes: a cache line of A64FX.
inline constexpr int64_t kAlignment = 256;

/// Bytes of a tensor in memory: floats take 4 or 2, ints 8, bools 1.
int64_t bytesOf(NamedTensorType type);

} // namespace kinu::allocate
