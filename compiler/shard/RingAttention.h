// What is known of an attention whose keys go around.
#pragma once

#include "compiler/shard/Sharding.h"

namespace kinu::shard {

/// An attention whose queries and keys are split over one axis of the mesh, and over no other.
struct Ring {
  unsigned on; ///< the mesh axis
  int64_t ranks;
  mlir::StringAttr query, key;
  int64_t allQueries, allKeys;
  Sharding queries, keys; ///< how queries lie, and keys
  int64_t runs;           ///< of a rank: 2 if the axes are balanced, else 1
  bool isCausal;

  int64_t queriesOfRun() const { return allQueries / ranks / runs; }
  int64_t keysOfRun() const { return allKeys / ranks / runs; }
  /// Of balanced runs, a rank's first queries are before the second keys of any rank.
  bool isHidden(int64_t queries, int64_t keys) const { return isCausal && runs == 2 && queries < keys; }
};

} // namespace kinu::shard
