// The matrices of an attention in memory order.
#pragma once

#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/gemm/Blocks.h"
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

/// Rows of a tile of a product with that many columns. Every block of rows is a multiple of all it can be.
int64_t attentionRows(const machines::Machine &machine, int64_t columns);
/// Queries that are worked on at once: scores of that many fit the second cache, and it is a multiple of every tile.
int64_t queriesPerBlock(const AttentionShape &shape, const machines::Machine &machine);

} // namespace kinu::vectorize
