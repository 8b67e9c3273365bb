// The innermost loop of every matrix product: a block of the result held in registers while k runs.
//
// One vector per accumulator, the left operand broadcast from memory one scalar at a time: on A64FX that is `ld1rw` and
// plain `fmla` (an indexed one takes two slots), on AVX-512 an embedded or separate broadcast. The block must have
// enough accumulators to hide the latency of a multiply-add on two pipes, 8 on x86 and 18 on A64FX.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

/// What a micro-kernel is compiled for. Strides in elements.
struct MicroKernel {
  int64_t rows;           ///< of the block
  int64_t columns;        ///< of the block; the last vector may be partial
  int64_t lhsRow, lhsSum; ///< strides of the left operand along rows and along k
  int64_t rhsSum;         ///< of the right operand along k; its columns are contiguous and readable to a full vector
  int64_t resultRow;      ///< of the result along rows; its columns are contiguous
};

/// Rows of the left operand that a micro-kernel fetches for a later one.
inline constexpr int64_t kNextRows = 2;

/// What a micro-kernel does for those that come after it, hidden behind its own multiply-adds.
struct ForLater {
  /// Where `kNextRows` rows begin of which lines along k will be read, or null: x86-64 fetches one in each round of k.
  /// `lhsSum` is 1 then.
  mlir::Value nextLhs = {};
  /// Where it leaves the rows of each k of `lhs` side by side, `packedRows` from one k to the next, or null. `lhsRow`
  /// is 1 then.
  mlir::Value packed = {};
  int64_t packedRows = 0;
};

/// The rows of a block that is `columns` wide: as many as the registers hold accumulators for.
int64_t rowsPerBlock(const machines::Machine &machine, int64_t columns);
/// The columns of a full block.
int64_t columnsPerBlock(const machines::Machine &machine);

/// The sums over k in [first, end), i64, of a block whose operands are of `element`, f32 or f16, and are added up in
/// it: row after row of vectors. Pointers are at the block's first k.
llvm::SmallVector<mlir::Value> sumBlock(Emission &e, const MicroKernel &shape, mlir::Type element, mlir::Value lhs,
                                        mlir::Value rhs, mlir::Value first, mlir::Value end);

/// Writes a block that is in registers, row after row of vectors of f32 or f16, to `result` in f32: added to what is
/// there if `accumulate` (i1).
void storeBlock(Emission &e, const MicroKernel &shape, llvm::ArrayRef<mlir::Value> sums, mlir::Value result,
                mlir::Value accumulate);

/// Calls the micro-kernel, whose function is made in the module at first use:
/// result[rows, columns] = (accumulate ? result : 0) + lhs[rows, k] rhs[k, columns]. `k` is i64, `accumulate` i1.
void callMicroKernel(Emission &e, const MicroKernel &shape, mlir::Value lhs, mlir::Value rhs, mlir::Value result,
                     mlir::Value k, mlir::Value accumulate, const ForLater &later = {});

} // namespace kinu::vectorize
