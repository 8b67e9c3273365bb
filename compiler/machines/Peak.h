// What a core could compute at most, by the arithmetic that a run asks for.
#pragma once

#include "compiler/machines/Machine.h"

namespace kinu::machines {

/// Cycles from one product of AMX tiles, 16 x 16 sums of 32 terms, to the next (Intel's optimization manual, 20.5).
inline constexpr double kTileProductCycles = 16;

/// Operations per second of one core, of products at `precision`: `fp32`, `bf16`, `fp16`, or `fp16 safe`, which
/// multiplies in fp32.
double peakFlopsPerCore(const Machine &machine, llvm::StringRef precision);

} // namespace kinu::machines
