// What a kernel's reads and writes make the caches of a rank fetch: a simulation of sets and their least recently used
// lines, of one line in eight.
#pragma once

#include "compiler/machines/Timing.h"
#include "compiler/report/ControlFlow.h"

#include "llvm/ADT/DenseMap.h"

namespace kinu::report {

/// Bytes that caches fetch and write back. What a kernel must fetch anyway is apart: where that lies depends on the
/// launches before it (Traffic.h).
struct CacheTraffic {
  double l2 = 0;     ///< between first and second caches, all of it
  double l3 = 0;     ///< between second and third cache, of what the kernel had already
  double memory = 0; ///< between the last cache and memory, likewise
  double fresh = 0;  ///< touched for the first time

  CacheTraffic &operator+=(const CacheTraffic &other);
  CacheTraffic operator*(double times) const { return {l2 * times, l3 * times, memory * times, fresh * times}; }
};

/// The caches of one rank, empty at first. Second caches belong to so many neighbouring threads; a third one to all. A
/// line that is written for the first time goes back once for nothing: results count among what is touched. Prefetches
/// change nothing, since only bytes count here.
class CacheModel {
public:
  CacheModel(const machines::Machine &machine, const machines::Timing &timing, int64_t threads);

  /// A block's accesses as ControlFlow tells them.
  void touch(int64_t thread, int64_t rounds, llvm::ArrayRef<MemoryAccess> accesses, CacheTraffic &counts);

private:
  /// Sets of lines, the last used first. Lines have the numbers of their groups of eight, of which they are the one
  /// that is simulated.
  struct Cache {
    Cache(int64_t bytes, int64_t line, int64_t ways);
    struct Line {
      uint64_t number = ~uint64_t(0);
      bool written = false;
    };
    /// Whether the line was there; it is now, and `evicted` is what had to go.
    bool touch(uint64_t number, bool writes, Line &evicted);

    int64_t ways;
    uint64_t sets;
    std::vector<Line> lines;
  };

  /// Contiguous bytes, which move on from round to round.
  struct Range {
    int64_t begin, end, stride;
    bool writes, streams;
  };

  int64_t placeOf(int64_t thread, int64_t address) const;
  void touchBytes(int64_t thread, int64_t begin, int64_t end, const Range &range, CacheTraffic &counts);
  void touchLine(int64_t thread, uint64_t number, bool writes, CacheTraffic &counts);
  void writeBack(int64_t thread, uint64_t number, CacheTraffic &counts);

  int64_t line, l1Bytes, l2Cores;
  std::vector<Cache> l1, l2, l3;
  llvm::DenseMap<uint64_t, bool> known; ///< lines that were touched, and whether they went back to memory
};

} // namespace kinu::report
