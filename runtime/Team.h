// Threads that share the tasks of one kernel after another.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace kinu::rt {

/// libomp's threads. Each has a range of tasks of its own, because neighbouring tasks share operands, and takes it in a
/// few pieces; who is done takes pieces of the others. So a thread whose core another process uses holds up the rest
/// for a piece, not for its whole share.
class Team {
public:
  explicit Team(int threads) : ranges(size_t(threads)) {}

  int size() const { return int(ranges.size()); }
  /// Calls `work(thread, begin, end)` for pieces that together are [0, tasks), each once, and returns when all are
  /// done. At most 2^31 tasks.
  template <class Work> void run(int64_t tasks, const Work &work) {
    share(tasks);
#pragma omp parallel num_threads(size())
    {
      int thread = self();
      for (int64_t begin, end; takePiece(thread, begin, end);)
        work(thread, begin, end);
    }
  }

private:
  /// The tasks [begin, end) that nobody has taken yet: begin in the upper half of a word, end in the lower.
  struct alignas(128) Range {
    std::atomic<uint64_t> left{0};
  };
  void share(int64_t tasks);
  static int self();
  bool takePiece(int thread, int64_t &begin, int64_t &end);

  std::vector<Range> ranges;
  int64_t piece = 1;
};

} // namespace kinu::rt
