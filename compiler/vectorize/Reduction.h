// Sums, maxima and minima: where they start, one step, and across the lanes of a vector.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

/// What changes nothing, as `type`: a float, int (64 bits) or bool, or a vector of them.
mlir::Value emitIdentity(Emission &e, ReductionKind kind, mlir::Type type);
/// Values of one type; a NaN stays. Of bools `max` is or, `min` is and.
mlir::Value emitCombine(Emission &e, ReductionKind kind, mlir::Value x, mlir::Value y);
/// All lanes of a vector combined, in an order that the machine likes.
mlir::Value emitAcrossLanes(Emission &e, ReductionKind kind, mlir::Value vector);

} // namespace kinu::vectorize
