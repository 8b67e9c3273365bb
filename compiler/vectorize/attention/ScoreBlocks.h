// Blocks of scores: how queries and keys are cut, which keys a block of queries sees, and the score region on a block.
//
// Queries go by panels of a few vectors, panels by groups that read the same packed keys; keys go by blocks whose
// scores with a panel stay in the first cache. Nothing that is kept grows with queries times keys.
#pragma once

#include "compiler/vectorize/attention/AttentionShape.h"
#include "compiler/vectorize/attention/Products.h"
#include "dialects/kinu/KeyBounds.h"

namespace kinu::vectorize {

/// Queries [first, first + count) of one outer index; i64. `point` has that index, `masks` the lanes of each vector of
/// queries that are real, or null values for all.
struct Panel {
  Point point;
  mlir::Value first, count;
  llvm::SmallVector<mlir::Value> masks;
};

/// Keys [first, first + count), counted from the first key of a block, `start`; i64.
struct KeySpan {
  mlir::Value start, first, count;
  mlir::Value key(Emission &e, mlir::Value row) const { return e.add(start, row); }
};

class ScoreBlocks {
public:
  /// `element` is that of q, k and v.
  ScoreBlocks(Emission &e, const AttentionShape &shape, mlir::Region &score, mlir::Type element);

  Emission &e;
  const AttentionShape &shape;
  mlir::Region &score;
  Evaluator evaluator;
  Scratch scratch;
  const KeyBounds bounds;
  const int64_t panelQueries; ///< a multiple of a vector
  std::unique_ptr<Products> products;
  const int64_t blockKeys; ///< a multiple of the products' unit

  int64_t panels() const { return llvm::divideCeil(shape.query.length, panelQueries); }
  int64_t vectors() const { return panelQueries / e.lanes; } ///< of a panel
  /// Panels of a group, if each needs that many bytes and a group may have part of the second cache.
  int64_t panelsPerGroup(int64_t bytes, int64_t parts) const;

  /// The panel of that number.
  Panel panel(const Point &outer, mlir::Value number);
  /// Keys [first, second) that one of the panels [first, end) sees.
  std::pair<mlir::Value, mlir::Value> keysOf(mlir::Value firstPanel, mlir::Value endPanel);
  /// Calls `body` for blocks of keys in [from, to), with the first key and the number of keys; blocks begin at
  /// multiples of `blockKeys`.
  void forBlocks(mlir::Value from, mlir::Value to, llvm::function_ref<void(mlir::Value, mlir::Value)> body);
  /// Which keys of the block a panel needs; `body` is emitted under the condition that there are any.
  void withSpan(const Panel &panel, mlir::Value start, mlir::Value count,
                llvm::function_ref<void(const KeySpan &)> body);

  /// Emits `body` twice where the mask hides keys by their distance: with `whole` for blocks in which it hides none.
  llvm::SmallVector<mlir::Value> byMask(const Panel &panel, const KeySpan &span, mlir::TypeRange results,
                                        llvm::function_ref<llvm::SmallVector<mlir::Value>(bool whole)> body);
  /// The point of a vector of queries and one key.
  Point at(const Panel &panel, int64_t vector, mlir::Value key);
  /// What a region yields at `at(panel, vector, key)` when its leading arguments are `arguments`; with `whole` nothing
  /// is hidden by distance.
  mlir::Value evaluate(mlir::Region &region, const Panel &panel, int64_t vector, mlir::Value key,
                       mlir::ValueRange arguments, bool whole);
  /// The vector if there is such a key, else zeros: keys are stored by several, of which the last may not be.
  mlir::Value within(mlir::Value key, mlir::Value vector);
  /// Where a region's extra operands lie: argument `first` on is `pointers`.
  void bindExtras(mlir::Region &region, unsigned first, mlir::ValueRange pointers);

  /// Numbers of a panel's queries, one for each, from and to a tensor without other columns.
  void readQueries(const RowSource &from, const Panel &panel, mlir::Value to);
  void writeQueries(mlir::Value from, const Panel &panel, const RowSource &to);

private:
  mlir::Value isWhole(const Panel &panel, const KeySpan &span);
  /// A bound of key - query where queries and keys stand.
  mlir::Value offset(int64_t bound);

  mlir::Value shift; ///< of the bounds; null for 0
};

} // namespace kinu::vectorize
