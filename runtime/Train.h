// Training: from the newest checkpoint, or from initial weights, to the last step.
#pragma once

#include "runtime/Run.h"

namespace kinu::rt {

/// Trains and writes metrics and checkpoints. Returns Exit::Done, or Exit::Stopped after a signal, with a checkpoint
/// of the last whole step. Throws Failure, Exit::Diverged among others; the last checkpoint stays intact.
Exit train(const Run &run);

} // namespace kinu::rt
