// Neighbouring axes that a kernel treats alike become one: fewer loops, and longer runs for vectors.
#pragma once

#include "dialects/step/Step.h"

namespace kinu::vectorize {

/// Rewrites a `loops` kernel's types, `rows` and reductions in place. Two axes are joined if they are neighbours in
/// every operand and result that has one of them, and no op tells them apart. The memory of every buffer stays as it
/// was.
void collapseAxes(step::KernelOp kernel);

} // namespace kinu::vectorize
