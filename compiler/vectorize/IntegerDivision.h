// Division of ints that rounds down; by 0 it gives 0, as in the interpreter, so that lanes nobody looks at do no harm.
#pragma once

#include "compiler/vectorize/Emission.h"
#include "compiler/vectorize/IntRanges.h"

namespace kinu::vectorize {

/// `x` and `y` have one type, an int or a vector of ints, and are in the ranges given: most need no correction.
mlir::Value emitFloorDivide(Emission &e, mlir::Value x, mlir::Value y, IntRange xRange, IntRange yRange);
/// What emitFloorDivide leaves: it has the sign of `y`.
mlir::Value emitModulo(Emission &e, mlir::Value x, mlir::Value y, IntRange xRange, IntRange yRange);

} // namespace kinu::vectorize
