// Writing text with a trained model.
#pragma once

#include "runtime/Run.h"

namespace kinu::rt {

/// `generate`: prints the prompt and what the newest checkpoint writes after it. The output is always valid UTF-8.
/// Returns Exit::Stopped if a signal came. Throws Failure: Exit::NoCheckpoint if there is nothing to generate from.
Exit generate(const Run &run);

} // namespace kinu::rt
