// How a product of bf16 is cut into tasks, rounds and blocks.
#pragma once

#include "compiler/vectorize/gemm/Blocking.h"

namespace kinu::vectorize::bf16 {

struct Bf16Blocking {
  /// `sums`: k of one round, whose right operand is packed at once and stays in the second cache while all rows of the
  /// piece pass; a multiple of `blockSums` if there are several rounds. `left`: Packed for each
  /// block, or InPlace but for tiles of rows that are not whole.
  Blocking pieces;
  int64_t blockSums; ///< k of a block, for which a tile of rows and a panel are multiplied at once

  int64_t rounds(const ContractionShape &shape) const { return llvm::divideCeil(shape.sums(), pieces.sums); }
  bool isOneBlock(const ContractionShape &shape) const { return blockSums >= shape.sums(); }
};

/// With `keepsPieces`, a piece is summed up in scratch over all rounds, else only a tile of rows is, or nothing.
Bf16Blocking chooseBf16Blocking(const ContractionShape &shape, const machines::Machine &machine, bool keepsPieces);

} // namespace kinu::vectorize::bf16
