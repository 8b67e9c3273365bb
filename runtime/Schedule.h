// Numbers of the optimizer that change from step to step.
#pragma once

#include "runtime/Manifest.h"

namespace kinu::rt {

/// The learning rate of step `step` (from 0) of a training of `steps`. Warm-up is linear: peak * (step + 1) / warmup;
/// then, with p going from 0 at the end of the warm-up to 1 at `steps`:
///   constant: peak; linear: peak + (floor - peak) * p; cosine: floor + (peak - floor) * (1 + cos(pi p)) / 2.
double learningRate(const LearningRate &rate, int64_t step, int64_t steps);

/// 1 - beta^(step + 1): what Adam divides a moment by (Kingma and Ba, 2015).
double biasCorrection(double beta, int64_t step);

} // namespace kinu::rt
