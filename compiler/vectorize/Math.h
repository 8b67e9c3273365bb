// Transcendental functions of f32, scalar or vector, as straight-line arithmetic.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

// All take f32 or a vector of f32 and are good to a few units in the last place over the whole range, infinities and
// NaN included; results below 2^-126 may be flushed to 0.
mlir::Value emitExp(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitLog(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitTanh(Emission &e, mlir::Value x);
mlir::Value emitErf(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitPow(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);
/// Absolute error below 1e-6 for |x| up to 1e5.
mlir::Value emitSin(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitCos(mlir::ImplicitLocOpBuilder &b, mlir::Value x);

} // namespace kinu::vectorize
