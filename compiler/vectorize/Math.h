// Transcendental functions of f32, scalar or vector, as straight-line arithmetic.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

// All take f32 or a vector of f32. The errors are the largest found over all floats, every 29th or so tried (MathTest
// tries all of 16 bits and 512 of each exponent), in units in the last place; infinities and NaN are right, and results
// below 2^-126 may be flushed to 0. exp of less is exactly 0.
//
//   exp 0.9   log 0.9   tanh 1.4   erf 1.0
mlir::Value emitExp(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitLog(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitTanh(Emission &e, mlir::Value x);
mlir::Value emitErf(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitPow(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);
/// Absolute error below 1e-6 for |x| up to 1e5.
mlir::Value emitSin(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitCos(mlir::ImplicitLocOpBuilder &b, mlir::Value x);

} // namespace kinu::vectorize
