// The factor by which gradients are enlarged on their way through fp16, so that small ones are not lost (Micikevicius
// et al., Mixed precision training, 2018): halved when one overflows, whose step is skipped, doubled when long none
// did.
#pragma once

#include <cstdint>

namespace kinu::rt {

struct LossScale {
  double scale = 65536;
  int64_t cleanSteps = 0; ///< since it last changed
  int64_t skipped = 0;    ///< steps of the whole training that changed nothing

  /// A step was done with `scale`.
  void update(bool overflow);
  /// Below 1 it does not help against overflows any more.
  bool isExhausted() const { return scale < 1; }
};

} // namespace kinu::rt
