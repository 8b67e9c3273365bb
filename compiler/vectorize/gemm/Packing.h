// Copies of a product's operands in the order in which the micro-kernel reads them.
#pragma once

#include "compiler/vectorize/gemm/Walk.h"

namespace kinu::vectorize {

/// The right operand of a product where it lies: element (k, column) is at base + sum.offset(k) +
/// columns.offset(column).
struct RightOperand {
  Walk sum, columns;
  mlir::Type element = {}; ///< in memory; f32 if null
  mlir::Type packed = {};  ///< in panels, to which `element` is converted while packing; f32 if null

  /// Columns of the last panel, 0 if it is full; panels are `columnsPerBlock` wide.
  int64_t columnTail(const machines::Machine &machine) const;
};

/// Packs k in [firstSum, firstSum + sums) of columns [firstColumn, firstColumn + count) into panels: panel p begins at
/// p * columnsPerBlock * sums elements of `panels` and holds its columns of each k side by side, the last panel in full
/// vectors. All are i64; `firstColumn` is a multiple of the panel's width, `firstSum` of a vector's, and the
/// ends are multiples too or the ends of the walks. `panels` must be aligned to a vector.
void packRight(Emission &e, const RightOperand &right, mlir::Value base, mlir::Value panels, mlir::Value firstSum,
               mlir::Value sums, mlir::Value firstColumn, mlir::Value count);

/// Elements that `packRight` writes at most.
int64_t packedElements(const machines::Machine &machine, int64_t sums, int64_t columns);

/// Transposes a tile in registers: `rows` are a power of two of vectors. What comes back are as many vectors with the
/// tile column after column; each is one column if there are as many rows as a vector has lanes.
llvm::SmallVector<mlir::Value> transposeTile(Emission &e, llvm::SmallVector<mlir::Value> rows);

} // namespace kinu::vectorize
