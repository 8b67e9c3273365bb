// A `kinu.dot` on tensors in memory order, as a batched matrix product.
#pragma once

#include "compiler/vectorize/gemm/Blocks.h"
#include "dialects/kinu/Kinu.h"

namespace kinu::vectorize {

/// result[batch, row, column] = sum over k of left[batch, row, k] right[batch, k, column], where each index stands for
/// axes of the tensors. `right` is the operand that has the result's last axis, so that columns are contiguous there.
struct ContractionShape {
  unsigned left = 0, right = 1; ///< which operand of the dot
  /// Of both operands, and of the result: floats of 16 or 32 bits. Sums are in f32.
  mlir::Type element, resultElement;
  /// Unless they are in f16, for so many products at a time; 0 for f32.
  int64_t promote = 0;
  /// In which operands are packed and multiplied.
  mlir::Type computedElement() const;
  Walk leftBatch, rightBatch, resultBatch;
  /// Rows; `tiles.rows` is left 0, to be chosen with the blocking.
  RowTiles tiles;
  Walk leftSum;
  /// Columns that are contiguous in the result. Axes outside of them are `columnRuns`.
  RightOperand rightOperand;
  Walk rightColumnRuns, resultColumnRuns;
  /// Columns in the result; anything but stride 1 has to be scattered element by element.
  Walk resultColumns;
  bool scattered = false;
  /// What the indices stand for: axes of the result in memory order, longer than 1, the last fastest.
  llvm::SmallVector<Axis> batchAxes, rowAxes, columnRunAxes, columnAxes;

  int64_t batches() const { return leftBatch.length(); }
  int64_t rows() const { return tiles.run * tiles.leftRuns.length(); }
  int64_t columns() const { return resultColumns.length(); } ///< of one run
  int64_t sums() const { return leftSum.length(); }
  double operations() const {
    return 2.0 * double(batches()) * double(rows()) * double(sums()) * double(columns() * resultColumnRuns.length());
  }
};

/// The types are in memory order; `over` are the axes summed.
ContractionShape analyseContraction(NamedTensorType lhs, NamedTensorType rhs, NamedTensorType result,
                                    mlir::ArrayAttr over);

} // namespace kinu::vectorize
