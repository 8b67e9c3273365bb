// Copies of a product's bf16 operands in the order in which blocks read them. k is padded with zeros to whole steps.
#pragma once

#include "compiler/vectorize/gemm/Blocks.h"
#include "compiler/vectorize/gemm/bf16/Block.h"

namespace kinu::vectorize::bf16 {

/// k in whole tiles.
inline int64_t paddedSums(int64_t sums) { return llvm::alignTo(sums, kTileSums); }
mlir::Value paddedSums(Emission &e, mlir::Value sums);

/// A stretch of k, in i64: `first` is a multiple of a tile's k; `count` is one, too, or the rest of k.
struct SumRange {
  mlir::Value first, count;
};

/// Packs `count` columns of the right operand from `firstColumn` on, a multiple of a block's columns, into panels of
/// `kBlockColumns`: panel after panel, for each of them tiles of k, for each of those the two tiles side by side, for
/// each of those 16 pairs of k, for each of those 16 columns, for each of those 2 numbers. What is packed for columns
/// past the end are any numbers.
void packRight(Emission &e, const RightOperand &right, mlir::Value base, mlir::Value panels, SumRange sums,
               mlir::Value firstColumn, mlir::Value count);

/// Whether dot products read the copy of a left operand with these rows pair by pair: where rows are contiguous, pairs
/// of k are made of two vectors and need not be transposed.
bool packsLeftInPairs(const machines::Machine &machine, const RowTiles &tiles, const Walk &sum);

/// Packs the rows of one tile of `tiles` (of `kBlockRows`) to packed[row][k], `rowElements` from row to row, or in
/// pairs to packed[k / 2][row][2], `kBlockRows` rows each. Rows past the end are left as they are, or any numbers.
void packLeft(Emission &e, const RowTiles &tiles, const Walk &sum, mlir::Value base, mlir::Value packed,
              int64_t rowElements, mlir::Value tile, SumRange sums);

} // namespace kinu::vectorize::bf16
