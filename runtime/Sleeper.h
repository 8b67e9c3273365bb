// Spends time without computing: what a launch would take is slept instead.
#pragma once

#include <chrono>
#include <thread>

namespace kinu::rt {

/// Adds times up and sleeps when there is enough to sleep: a system cannot sleep for a microsecond.
class Sleeper {
public:
  using Clock = std::chrono::steady_clock;

  void spend(double seconds) {
    due = std::max(due, Clock::now()) +
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    if (due - Clock::now() > std::chrono::milliseconds(2))
      catchUp();
  }
  /// Sleeps until everything spent is over: before others are to see it done.
  void catchUp() { std::this_thread::sleep_until(due); }

private:
  Clock::time_point due = Clock::now();
};

} // namespace kinu::rt
