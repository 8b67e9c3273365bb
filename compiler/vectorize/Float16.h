// bf16 and f16 are formats of memory: arithmetic is on f32, and these convert between the two.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

/// A 16-bit float, or a vector of them, as f32. Exact.
mlir::Value emitWiden(Emission &e, mlir::Value number);

/// An f32, or a vector of them, as `element` (bf16 or f16), to the nearest, ties to even. NaN stays NaN.
mlir::Value emitNarrow(Emission &e, mlir::Value number, mlir::Type element);

} // namespace kinu::vectorize
