// Spends time without computing: what a launch would take is slept instead.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace kinu::rt {

/// Adds times up and sleeps when there is enough to sleep: a system cannot sleep for a microsecond.
class Sleeper {
public:
  using Clock = std::chrono::steady_clock;

  /// `poll` is called twice a millisecond meanwhile: times are stretched, and what happens between real launches is
  /// not.
  template <typename Poll> void spend(double seconds, Poll poll) {
    due = std::max(due, Clock::now() - kLate) +
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    if (due - Clock::now() < std::chrono::milliseconds(2))
      return;
    for (auto next = Clock::now() + kPollEvery; next < due; next = Clock::now() + kPollEvery) {
      std::this_thread::sleep_until(next);
      poll();
    }
    catchUp();
  }
  /// Sleeps until everything spent is over: before others are to see it done.
  void catchUp() { std::this_thread::sleep_until(due); }
  /// What comes now begins now: after a wait for others.
  void restart() { due = std::max(due, Clock::now()); }

private:
  static constexpr std::chrono::microseconds kPollEvery{500};
  /// Who is woken late, by a machine that has other things to do, sleeps less the next time: by so much at most.
  static constexpr std::chrono::milliseconds kLate{20};
  Clock::time_point due = Clock::now();
};

} // namespace kinu::rt
