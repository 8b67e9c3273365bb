// One block of a product of bf16 operands: 32 x 32 sums in f32.
//
// Two units multiply such blocks: AMX tiles, and on machines without them AVX512-BF16's dot products of pairs. Both
// read pairs of k of the right operand, column by column, and rows of the left one along k; dot products read a left
// operand whose pairs of k lie row by row as well.
#pragma once

#include "compiler/vectorize/gemm/bf16/Tiles.h"

namespace kinu::vectorize::bf16 {

/// Two by two tiles are held while k runs: each tile that is loaded is used twice.
inline constexpr int64_t kBlockRows = 2 * kTileRows, kBlockColumns = 2 * kTileColumns;

/// Rows whose sums dot products keep in registers at once, at most: with two vectors a row and two of the right operand
/// there is room for the left one, and the latency of a dot product (6 cycles on Zen 4, uops.info) is hidden.
inline constexpr int64_t kGroupRows = 11;

/// What multiplies bf16 without widening it first.
enum class Unit { None, Tiles, Pairs };

Unit unitOf(const machines::Machine &machine);

/// Whether the machine has a unit that multiplies such elements.
inline bool multiplies(const machines::Machine &machine, mlir::Type element) {
  return unitOf(machine) != Unit::None && element.isBF16();
}

/// Rows in memory: `stride` (i64) is in bytes.
struct Place {
  mlir::Value pointer, stride;
};

/// 32 rows of the left operand: 16 pairs of k for each step. Tiles want pairs side by side; dot products want strides
/// that are constants.
struct LeftRows {
  Place rows;
  int64_t pairBytes = 4; ///< from one pair of k to the next
};

/// 32 columns of the right operand: for each step of 32 k two halves of 16 columns, each 16 rows of 16 pairs.
struct Panel {
  mlir::Value pointer;
  int64_t rowBytes, halfBytes, stepBytes; ///< from one row, half and step to the next
};

/// sums[32 x 32] (+)= left[32 x 32 steps] right[32 steps x 32]
struct BlockProduct {
  LeftRows left;
  Panel right;
  mlir::Value steps; ///< i64: k in 32s
  Place sums;
  mlir::Value accumulate = {}; ///< i1: `sums` are added to; null: never
};

/// When something is fetched: in a step of k (i64), while a part of the block's rows is multiplied. Each part goes
/// through all steps.
struct Moment {
  mlir::Value step;
  int64_t part = 0, parts = 1;

  /// The share of `count` things to do in each step that is to be done now; if there is one, the last part does it.
  int64_t first(int64_t count) const { return count * part / parts; }
  int64_t end(int64_t count) const { return count * (part + 1) / parts; }
};

/// Denormals are zeros, sums are in f32. `prefetch` emits what is to be fetched at a moment. Both calls may not be
/// mixed in a function.
void multiplyOnTiles(Emission &e, const BlockProduct &block, llvm::function_ref<void(const Moment &)> prefetch);
void multiplyInPairs(Emission &e, const BlockProduct &block, llvm::function_ref<void(const Moment &)> prefetch);

} // namespace kinu::vectorize::bf16
