// See LossScale.h.
#include "runtime/LossScale.h"

namespace kinu::rt {

static constexpr int64_t kStepsToDouble = 2000;

void LossScale::update(bool overflow) {
  if (overflow) {
    ++skipped;
    cleanSteps = 0;
    scale /= 2;
  } else if (++cleanSteps == kStepsToDouble) {
    cleanSteps = 0;
    scale *= 2;
  }
}

} // namespace kinu::rt
