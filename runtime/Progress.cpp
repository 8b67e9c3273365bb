// See Progress.h.
#include "runtime/Progress.h"

#include "runtime/Messages.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace kinu::rt {

Progress::Progress(int64_t firstStep, int64_t steps, int64_t tokensPerStep, double operationsPerStep, double peak)
    : firstStep(firstStep), steps(steps), tokensPerStep(tokensPerStep), operationsPerStep(operationsPerStep),
      peak(peak), terminal(isatty(STDOUT_FILENO)), last(Clock::now()), lastShown(last) {}

std::string Progress::line(int64_t step, double loss) const {
  std::string out = "step " + std::to_string(step) + "/" + std::to_string(steps) + "  loss " + formatFixed(loss, 4) +
                    "  " + formatCount(int64_t(rate)) + " tokens/s";
  if (peak > 0 && operationsPerStep > 0)
    out += "  " + formatFixed(100 * operationsPerStep / secondsPerStep / peak, 1) + "% of peak";
  return out + "  " + formatDuration(double(steps - step) * secondsPerStep) + " left";
}

void Progress::step(int64_t step, double loss) {
  Clock::time_point now = Clock::now();
  double seconds = std::max(1e-9, std::chrono::duration<double>(now - last).count());
  last = now;
  total += seconds;
  // The first step pays for page faults and cold caches: it is replaced rather than averaged in.
  int64_t done = step - firstStep;
  double weight = std::max(0.05, 1.0 / double(std::max<int64_t>(1, done - 1)));
  secondsPerStep += (seconds - secondsPerStep) * weight;
  rate = double(tokensPerStep) / secondsPerStep;

  double quiet = std::chrono::duration<double>(now - lastShown).count();
  bool edge = done == 1 || step == steps, milestone = step % std::max<int64_t>(1, steps / 20) == 0;
  if (terminal ? edge || quiet > 0.2 : edge || milestone || quiet > 30) {
    std::printf(terminal ? "\r\033[K%s" : "%s\n", line(step, loss).c_str());
    std::fflush(stdout);
    lineOpen = terminal;
    lastShown = now;
  }
}

void Progress::message(const std::string &text) {
  std::printf("%s%s\n", lineOpen ? "\n" : "", text.c_str());
  std::fflush(stdout);
  lineOpen = false;
}

void Progress::pause() {
  if (lineOpen)
    message("");
  lineOpen = false;
}

void Progress::resume() { last = Clock::now(); }

} // namespace kinu::rt
