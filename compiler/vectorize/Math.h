// Transcendental functions of f32, scalar or vector, as straight-line arithmetic.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

// All take f32 or a vector of f32. The errors below are limits that tests hold, in units in the last place: MathTest
// tries, on this machine, every bf16, every fp16 and 512 floats of each exponent and both signs, a64fx-functions.test
// the like on A64FX, where quotients and roots come from estimates (Division.h). Infinities and NaN are right; results
// below 2^-126 may be flushed to 0, subnormal arguments count as 0 or as themselves. exp of less than log(2^-126) is
// exactly 0.
//
//              exp  log  tanh  erf  sqrt  1/sqrt  sin and cos of up to 65536
//     x86-64   1    1    1.5   1.1  0.51  1.5     1.6
//     A64FX    1    1    1.6   1.1  3     5       1.6
//
// Beyond 65536 sin and cos lose digits: three floats of pi / 2 no longer suffice.
mlir::Value emitExp(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitLog(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitTanh(Emission &e, mlir::Value x);
mlir::Value emitErf(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitPow(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value emitSin(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
mlir::Value emitCos(mlir::ImplicitLocOpBuilder &b, mlir::Value x);

} // namespace kinu::vectorize
