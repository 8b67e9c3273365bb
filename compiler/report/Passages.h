// A memory of loops and functions that were walked, and of what they did.
#pragma once

#include "compiler/report/ControlFlow.h"

#include "llvm/ADT/SmallVector.h"

#include <unordered_map>

namespace kinu::report {

/// Where a walk through a loop stopped: about to go from a block of it to another one.
struct Exit {
  unsigned from = 0, to = 0;
};

/// What a loop did from one entry to its exit, or a function that was called.
struct Passage {
  llvm::SmallVector<std::pair<unsigned, BlockRuns>, 8> counts; ///< blocks by their numbers
  Exit exit;                                                   ///< of a loop
  llvm::SmallVector<int64_t, 4> outputs;                       ///< of a loop: the values of LoopCode::outputs
};

class Passages {
public:
  /// The loop or function, where it was entered from, and what it was given: all that a passage follows from.
  using Key = std::vector<int64_t>;

  const Passage *find(const Key &key) const;
  /// Forgets it where there is no room.
  void remember(Key key, const Passage &passage);
  void clear() { known.clear(); }

private:
  struct Hash {
    size_t operator()(const Key &key) const;
  };
  std::unordered_map<Key, Passage, Hash> known;
};

/// Adds what a passage did.
void addCounts(ControlFlowCounts &counts, const Passage &passage);
/// What was done since `before`.
llvm::SmallVector<std::pair<unsigned, BlockRuns>, 8> countsSince(const ControlFlowCounts &before,
                                                                 const ControlFlowCounts &now);

} // namespace kinu::report
