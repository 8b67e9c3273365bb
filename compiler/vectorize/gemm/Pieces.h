// The tasks of a product that a thread was given, as the pieces in which it does them.
#pragma once

#include "compiler/vectorize/gemm/Blocking.h"

namespace kinu::vectorize {

/// Rows by columns of one matrix product, with all of k. Numbers are i64.
struct PieceOfProduct {
  mlir::Value batch, columnRun;
  mlir::Value firstTile, endTile;     ///< of `shape.tiles`
  mlir::Value firstColumn, endColumn; ///< of the column run
};

/// Emits the loops over tasks [e.begin, e.end), in which neighbours in the fastest direction are one piece, of at most
/// `blocking.mostColumns` columns.
void forEachPiece(Emission &e, const ContractionShape &shape, const Blocking &blocking,
                  llvm::function_ref<void(const PieceOfProduct &)> body);

} // namespace kinu::vectorize
