// The innermost loop of products in fp16: sums of a few steps of k in fp16, which are then added to sums in f32.
//
// A block is twice as wide as in f32, for a vector holds twice as many numbers; its sums in f32 do not fit into the
// registers and stay in memory, in the first cache. Fast, and not exact: see the error bound in LowPrecisionTest.
#pragma once

#include "compiler/vectorize/gemm/MicroKernel.h"

namespace kinu::vectorize {

/// Calls the micro-kernel on fp16 operands, whose function is made in the module at first use. `e.lanes` counts fp16.
/// result[rows, columns] = (accumulate ? result : 0) + the sum of all stretches of k, `promote` steps each but the
/// last: each the sum over k of lhs[rows, k] rhs[k, columns], in the order of k, rounded to fp16 after every
/// multiply-add. Results are f32.
void callPromotingKernel(Emission &e, const MicroKernel &shape, int64_t promote, mlir::Value lhs, mlir::Value rhs,
                         mlir::Value result, mlir::Value k, mlir::Value accumulate);

} // namespace kinu::vectorize
