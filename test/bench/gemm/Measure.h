// Threads, memory and clocks of the comparison: both sides run on one team, on one memory, in turns.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace kinu::bench {

/// Sets how many threads oneDNN and `onTeam` use.
void setThreads(int threads);
/// Runs `work(number of the thread)` on every thread of the team that oneDNN uses, too.
void onTeam(int threads, const std::function<void(int)> &work);

/// Memory in huge pages, as the arena of an executable is; touched first by one thread.
class Memory {
public:
  explicit Memory(int64_t bytes);
  ~Memory();
  Memory(Memory &&other) : base(other.base), bytes(other.bytes) { other.base = nullptr; }
  Memory(const Memory &) = delete;
  template <typename T> T *as() const { return static_cast<T *>(base); }

private:
  void *base;
  int64_t bytes;
};

/// One thing to time. Rates are in operations per second: of the thread's own time where there is one thread, else of
/// wall time.
struct Contestant {
  std::function<void()> run;
  std::vector<double> rates = {};
};

/// Times the contestants in turns, each round in another order, and keeps a round only if the canary ran as fast as it
/// ever did before and after each of its measurements; tries a round three times. Returns how many rounds stayed
/// disturbed: they are kept, too.
/// `canaryRange` tells what the canary gave over the whole run.
int measure(std::vector<Contestant> &contestants, double operations, int rounds, int threads);

/// Of the canary's rates with so many threads so far: operations per second and core.
struct CanaryRange {
  double lowest, median, best;
};
CanaryRange canaryRange(int threads);

double median(std::vector<double> values);

} // namespace kinu::bench
