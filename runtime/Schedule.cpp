// See Schedule.h.
#include "runtime/Schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kinu::rt {

double learningRate(const LearningRate &rate, int64_t step, int64_t steps) {
  if (step < rate.warmup)
    return rate.peak * double(step + 1) / double(rate.warmup);
  double progress = double(step - rate.warmup) / double(std::max<int64_t>(1, steps - rate.warmup));
  progress = std::clamp(progress, 0.0, 1.0);
  switch (rate.kind) {
  case LearningRate::Kind::Constant: break;
  case LearningRate::Kind::Linear: return rate.peak + (rate.floor - rate.peak) * progress;
  case LearningRate::Kind::Cosine:
    return rate.floor + (rate.peak - rate.floor) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  }
  return rate.peak;
}

double biasCorrection(double beta, int64_t step) { return 1 - std::pow(beta, double(step + 1)); }

} // namespace kinu::rt
