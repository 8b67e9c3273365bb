// The matrices of an attention in memory order.
#pragma once

#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/attention/Rows.h"
#include "dialects/kinu/Kinu.h"

namespace kinu::vectorize {

/// For each index over the outer axes, scores[query, key] = q[query, sum] k[key, sum] and
/// result[query, value] = p[query, key] v[key, value].
struct AttentionShape {
  /// One of the matrices: rows are queries or keys, columns the summed or the value axes.
  struct Matrix {
    Walk outer;
    int64_t row; ///< from one row to the next, in elements
    Walk columns;
  };
  /// Axes of the scores but query and key: those that k and v both have come first, so that query heads which share
  /// a key head are neighbours.
  llvm::SmallVector<Axis> outer;
  llvm::SmallVector<Axis> sumAxes, valueAxes;
  int64_t groups = 1; ///< of neighbours that share k and v: the product of the outer axes that these have
  Axis query, key;
  Matrix q, k, v, result;

  /// How a tensor of other element order, or a gradient, lies; rows are queries or keys.
  Matrix matrix(NamedTensorType type, const Axis &row, llvm::ArrayRef<Axis> columns) const;
  int64_t sums() const { return q.columns.length(); }
  int64_t values() const { return v.columns.length(); }
  int64_t outerLength() const { return q.outer.length(); }
  /// Outer indices of one group.
  int64_t members() const { return outerLength() / groups; }
  /// An index for each outer axis, from one over all of them.
  Point outerPoint(Emission &e, mlir::Value outerIndex) const;
};

/// Of the op's types; `sum`, `query` and `key` are its attributes.
AttentionShape analyseAttention(NamedTensorType q, NamedTensorType k, NamedTensorType v, NamedTensorType result,
                                mlir::ArrayAttr sum, mlir::StringAttr query, mlir::StringAttr key);

/// Whether the gradients of a group depend on nothing outside of it: each outer axis of k or v is in both and in q.
bool groupsAreIndependent(const AttentionShape &shape, NamedTensorType q, NamedTensorType k, NamedTensorType v);

/// One of the matrices with the pointer to its tensor, which is null for a result that nobody wants.
struct Tensor {
  mlir::Type element;
  AttentionShape::Matrix matrix;
  mlir::Value pointer;

  /// Its rows at an outer index.
  RowSource rows(Emission &e, mlir::Value outer) const {
    return {element, e.address(pointer, element, matrix.outer.offset(e, outer)), matrix.row, matrix.columns};
  }
};

} // namespace kinu::vectorize
