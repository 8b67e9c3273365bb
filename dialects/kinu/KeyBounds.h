// Which keys a query can see at all, read from the mask in a score region.
#pragma once

#include "dialects/kinu/Kinu.h"

namespace kinu {

/// Bounds of key - query where the score is not -inf. A causal mask has `most` = 0, a sliding window of w keys
/// `least` = 1 - w too. Where queries and keys begin elsewhere in their sequences, as parts of these do that ranks
/// have, the bounds are of key + shift - query; `shift` is the sum of these arguments of the region, scalars, times a
/// factor.
struct KeyBounds {
  using Shift = llvm::SmallVector<std::pair<mlir::BlockArgument, int64_t>, 2>;
  std::optional<int64_t> least, most;
  Shift shift;

  bool any() const { return least || most; }
  /// Pairs of queries and keys that they leave; two thirds of all where that depends on the shift: the mean over the
  /// three of four pairs of parts that ranks compute which share out causal attention.
  double pairs(int64_t queries, int64_t keys) const;
};

/// Found where the region yields `select(c, x, -inf)` and `c` is, or is a conjunction with, comparisons of the indices
/// of the two axes, such as `key <= seq` or `seq - key < 4096`.
KeyBounds keyBounds(mlir::Region &score, mlir::StringAttr query, mlir::StringAttr key);

/// The comparisons in a region that hold wherever key - query is within the bounds: a block without hidden keys need
/// not compute them.
llvm::SmallVector<CompareOp> impliedBy(const KeyBounds &bounds, mlir::Region &region, mlir::StringAttr query,
                                       mlir::StringAttr key);

} // namespace kinu
