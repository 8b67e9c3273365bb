// When each launch of the first steps began and ended, as JSON for trace viewers (chrome://tracing, Perfetto).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace kinu::rt {

class Trace {
public:
  using Clock = std::chrono::steady_clock;

  /// Keeps what happens until `endStep` was called `steps` times, as rank `rank`. To be made by all ranks at about the
  /// same time: viewers show ranks side by side.
  Trace(int rank, int64_t steps) : rank(rank), left(steps) {}

  bool active() const { return left > 0; }
  /// `name` and `category` must outlive the trace.
  void add(const char *name, const char *category, Clock::time_point begin, Clock::time_point end) {
    if (active())
      events.push_back({name, category, begin, end});
  }
  void endStep() { --left; }
  /// Writes all events; throws Failure (Exit::Io).
  void write(const std::string &path) const;

private:
  struct Event {
    const char *name, *category;
    Clock::time_point begin, end;
  };
  int rank;
  int64_t left;
  Clock::time_point start = Clock::now();
  std::vector<Event> events;
};

} // namespace kinu::rt
