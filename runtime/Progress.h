// What a training shows while it runs: one line that updates on a terminal, plain lines now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace kinu::rt {

class Progress {
public:
  /// `operationsPerStep` and `peak` (floating-point operations per second, 0 if unknown) give the share of the peak.
  Progress(int64_t firstStep, int64_t steps, int64_t tokensPerStep, double operationsPerStep, double peak);

  /// Step `step` (counted from 1) is done.
  void step(int64_t step, double loss);
  /// Prints a line of its own, leaving the progress line whole.
  void message(const std::string &text);
  /// Time spent on something else (an evaluation, a checkpoint) is not counted as training.
  void pause();
  void resume();

  double tokensPerSecond() const { return rate; } ///< of the last steps, smoothed
  double trainingSeconds() const { return total; }

private:
  std::string line(int64_t step, double loss) const;

  using Clock = std::chrono::steady_clock;
  int64_t firstStep, steps, tokensPerStep;
  double operationsPerStep, peak;
  bool terminal, lineOpen = false;
  Clock::time_point last, lastShown;
  double rate = 0, secondsPerStep = 0, total = 0;
};

} // namespace kinu::rt
