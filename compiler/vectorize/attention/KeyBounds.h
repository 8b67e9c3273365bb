// Which keys a query can see at all, read from the mask in a score region.
#pragma once

#include "compiler/vectorize/Evaluator.h"
#include "dialects/kinu/Kinu.h"

namespace kinu::vectorize {

/// Bounds of key - query where the score is not -inf. A causal mask has `most` = 0, a sliding window of w keys
/// `least` = 1 - w too.
struct KeyBounds {
  std::optional<int64_t> least, most;

  bool any() const { return least || most; }
  /// Pairs of queries and keys that they leave.
  double pairs(int64_t queries, int64_t keys) const;
};

/// Found where the region yields `select(c, x, -inf)` and `c` is, or is a conjunction with, comparisons of the indices
/// of the two axes, such as `key <= seq` or `seq - key < 4096`.
KeyBounds keyBounds(mlir::Region &score, mlir::StringAttr query, mlir::StringAttr key);

/// The comparisons in a region that hold wherever key - query is within the bounds: a block without hidden keys need
/// not compute them.
llvm::SmallVector<CompareOp> impliedBy(const KeyBounds &bounds, mlir::Region &region, mlir::StringAttr query,
                                       mlir::StringAttr key);

} // namespace kinu::vectorize
