#include "compiler/report/Passages.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLExtras.h"

using namespace kinu::report;

static constexpr size_t kMostPassages = size_t(1) << 20;

size_t Passages::Hash::operator()(const Key &key) const { return llvm::hash_combine_range(key.begin(), key.end()); }

const Passage *Passages::find(const Key &key) const {
  auto found = known.find(key);
  return found == known.end() ? nullptr : &found->second;
}

void Passages::remember(Key key, const Passage &passage) {
  if (known.size() < kMostPassages)
    known.emplace(std::move(key), passage);
}

void kinu::report::addCounts(ControlFlowCounts &counts, const Passage &passage) {
  for (auto [number, done] : passage.counts) {
    counts[number].runs += done.runs;
    counts[number].entries += done.entries;
  }
}

llvm::SmallVector<std::pair<unsigned, BlockRuns>, 8> kinu::report::countsSince(const ControlFlowCounts &before,
                                                                               const ControlFlowCounts &now) {
  llvm::SmallVector<std::pair<unsigned, BlockRuns>, 8> counts;
  for (auto [number, pair] : llvm::enumerate(llvm::zip(before, now))) {
    const auto &[old, current] = pair;
    if (current.runs > old.runs)
      counts.push_back({unsigned(number), {current.runs - old.runs, current.entries - old.entries}});
  }
  return counts;
}
