// Rows of a tensor in and out of dense blocks of f32, and blocks transposed.
#pragma once

#include "compiler/vectorize/gemm/Walk.h"

namespace kinu::vectorize {

/// Where rows of a matrix lie: row r, column c is `row` * r + columns.offset(c) elements of type `element` after
/// `base`.
struct RowSource {
  mlir::Type element;
  mlir::Value base;
  int64_t row;
  Walk columns;
};

/// Copies rows [first, first + count) (i64) to a block of `to` (null: f32) whose rows have `blockRow` elements, a
/// multiple of a vector, and writes zeros behind the columns and to the rows up to `rows`.
void readRows(Emission &e, const RowSource &from, mlir::Value first, mlir::Value count, int64_t rows, mlir::Value block,
              int64_t blockRow, mlir::Type to = {});

/// Copies the first `count` rows of such a block to rows from `first` on, rounded to the element.
void writeRows(Emission &e, mlir::Value block, int64_t blockRow, mlir::Value count, const RowSource &to,
               mlir::Value first);

/// sums[row] = the sum over columns of x * y, for rows [first, first + count) of two tensors of the same columns.
void dotRows(Emission &e, const RowSource &x, const RowSource &y, mlir::Value first, mlir::Value count,
             mlir::Value sums);

/// to[column][row] = from[row][column] of 32-bit elements (of f32, if they are anything); both numbers are multiples of
/// a vector.
void transposeBlock(Emission &e, mlir::Value from, int64_t fromRow, int64_t rows, int64_t columns, mlir::Value to,
                    int64_t toRow);

/// Writes zeros to f32 elements [0, count) at the pointer; `count` is a multiple of a vector.
void clearBlock(Emission &e, mlir::Value block, mlir::Value count);

} // namespace kinu::vectorize
