// Threads that share the tasks of one kernel after another.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace kinu::rt {

/// The calling thread and `threads - 1` others. Each has a range of tasks of its own, because neighbouring tasks share
/// operands, and takes it in a few pieces; who is done takes pieces of the others. So a thread that the system does not
/// run, because another process has its core, holds up the rest for a piece at most, and not at all if it has none.
class Team {
public:
  using Work = std::function<void(int thread, int64_t begin, int64_t end)>;

  /// Every other thread runs `start` with its number first.
  Team(int threads, const std::function<void(int)> &start);
  ~Team();
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;

  int size() const { return int(ranges.size()); }
  /// Calls `work` for pieces that together are [0, tasks), each once, and returns when all are done. At most 2^31
  /// tasks.
  void run(int64_t tasks, const Work &work);

private:
  /// The tasks [begin, end) that nobody has taken yet: begin in the upper half of a word, end in the lower.
  struct alignas(128) Range {
    std::atomic<uint64_t> left{0};
  };
  bool takePiece(int thread, int64_t &begin, int64_t &end);
  void workOn(int thread);
  void serve(int thread);
  void waitForJob(uint32_t seen);

  std::vector<Range> ranges;
  const Work *work = nullptr;
  int64_t piece = 1;
  alignas(128) std::atomic<uint32_t> jobs{0}; ///< how many there were
  std::atomic<bool> open{false}, stopping{false};
  alignas(128) std::atomic<int> active{0}; ///< threads that may be reading the job
  std::vector<std::thread> threads;
};

} // namespace kinu::rt
