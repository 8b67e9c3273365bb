// Quotients and square roots of f32, at the cost of a few multiplications where the machine's own would stall it.
//
// A64FX blocks its pipe for 98 cycles for a division or root of a vector (Microarchitecture Manual 1.8.1, chapter 16),
// and LLVM expands them to estimates for scalable vectors only. So with SVE the estimate instructions and two steps of
// Newton are written out here, for scalars too: a norm has one of each for every row.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

/// x / y, scalars or vectors: IEEE 754's quotient, or with SVE within 2.5 units in the last place of it (2.3 was the
/// most in 640,000 random pairs, emulated), infinities, zeros and NaN included; by more than 2^126 it is 0. Doubles are
/// exact.
mlir::Value emitDivide(Emission &e, mlir::Value x, mlir::Value y);
/// x / y for a vector and a number: x s times 1 / (y s), within 1.5 units in the last place on x86-64. The power of two
/// s keeps the reciprocal of numbers beyond 2^64 or 2^-64 from being flushed to 0 or infinite; it is 1 without
/// `guarded`.
mlir::Value emitDivideByNumber(Emission &e, mlir::Value x, mlir::Value y, bool guarded);
/// The square root: IEEE 754's, or with SVE within 3 units in the last place of it (2.5 was the most).
mlir::Value emitSqrt(Emission &e, mlir::Value x);
/// 1 / x of an f32 in [1, 2^64]: within 2 units in the last place.
mlir::Value emitReciprocal(Emission &e, mlir::Value x);

} // namespace kinu::vectorize
