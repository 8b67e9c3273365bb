// What forward and backward attention share while their code is written: scratch, blocks of scores, rows of them.
#pragma once

#include "compiler/vectorize/attention/AttentionShape.h"

namespace kinu::vectorize {

/// Queries [first, first + count) of one outer index, and the keys [0, keys) that they may see; i64.
struct QueryBlock {
  mlir::Value outer, first, count, keys;
};

class AttentionBlocks {
public:
  AttentionBlocks(Emission &e, const AttentionShape &shape);

  Emission &e;
  const AttentionShape &shape;
  Evaluator evaluator;
  const int64_t blockQueries;
  const int64_t scoreRow; ///< elements from one query's scores to the next's

  /// Reserves elements of the thread's scratch, aligned to a vector.
  mlir::Value reserve(int64_t elements);
  int64_t scratchBytes() const { return 4 * reserved; }

  /// Calls `body` for the blocks of queries [first, end) of an outer index. `limit` as keyLimit tells it.
  void forBlocks(mlir::Value outer, mlir::Value first, mlir::Value end, std::optional<int64_t> limit,
                 llvm::function_ref<void(const QueryBlock &)> body);

  /// Packs all rows of a matrix as a right operand: its rows as k (`transposed` false), or its columns as k.
  void packKeys(const AttentionShape::Matrix &matrix, mlir::Value base, mlir::Value panels, bool transposed);
  /// Packs the block's queries as a right operand, rows as k.
  void packQueries(const AttentionShape::Matrix &matrix, mlir::Value base, const QueryBlock &block, mlir::Value panels);

  /// scores[query, key] = the block's rows of `matrix` times `panels`, its columns by keys.
  void multiplyByKeys(const AttentionShape::Matrix &matrix, mlir::Value base, const QueryBlock &block,
                      mlir::Value panels, mlir::Value scores);
  /// The block's rows of `matrix` = scores[query, key] times `panels`, keys by the matrix' columns. `spare` takes a
  /// block of queries by columns where the matrix' columns do not lie together.
  void multiplyScores(mlir::Value scores, const QueryBlock &block, mlir::Value panels,
                      const AttentionShape::Matrix &matrix, mlir::Value base, mlir::Value spare);
  /// sums[key, column] += scores[query, key] times `panels`, queries by columns, of which there are `columns`.
  void addTransposed(mlir::Value scores, const QueryBlock &block, mlir::Value panels, mlir::Value sums,
                     int64_t columns);
  /// Elements of `spare`, and of a row of `sums`.
  int64_t rowElements(int64_t columns) const { return llvm::alignTo(columns, e.lanes); }

  /// The point of a query of the block, by its row.
  Point queryPoint(const QueryBlock &block, mlir::Value row);
  /// Vectors over the block's keys: `body` gets the first key, the mask of a partial vector (else null) and the
  /// carried values. Values of the evaluator's are forgotten after each.
  mlir::SmallVector<mlir::Value>
  overKeys(const QueryBlock &block, mlir::ValueRange carried,
           llvm::function_ref<mlir::SmallVector<mlir::Value>(mlir::Value, mlir::Value, mlir::ValueRange)> body);

private:
  mlir::Value reserveForLeft = {};
  int64_t reserved = 0;
  mlir::Value plus(mlir::Value pointer, mlir::Value offset) { return e.address(pointer, e.getF32Type(), offset); }
};

/// Where a score region's extra operands lie: argument 'first' on is `pointers`.
void bindExtras(Evaluator &evaluator, mlir::Region &region, unsigned first, mlir::ValueRange pointers);

} // namespace kinu::vectorize
