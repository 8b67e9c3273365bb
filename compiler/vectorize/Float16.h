// bf16 and f16 are formats of memory: arithmetic is on f32, and these convert between the two.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

/// The type in which code loads and stores numbers of `element`, a float type: bf16 as i16 where the machine has no
/// instructions for it, because LLVM would call a library for every number that it moves.
mlir::Type loadedType(Emission &e, mlir::Type element);

/// Numbers as they were loaded, a scalar or a vector, as f32. Exact.
mlir::Value emitWiden(Emission &e, mlir::Value number);

/// An f32, or a vector of them, to be stored as `element` (bf16 or f16): the nearest number, ties to even. NaN stays
/// NaN.
mlir::Value emitNarrow(Emission &e, mlir::Value number, mlir::Type element);

} // namespace kinu::vectorize
