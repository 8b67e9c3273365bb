// The schedule stage: from launches inside repeats to one straight list per program.
#pragma once

#include "dialects/step/Step.h"
#include "dialects/tofu/Tofu.h"

#include "mlir/Pass/Pass.h"

namespace kinu::schedule {

#define GEN_PASS_DECL
#include "compiler/schedule/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/schedule/Passes.h.inc"

/// The variable that holds 0, 1, 2, ...: what a kernel reads that wants the index of its round.
inline constexpr llvm::StringLiteral kRoundIndex = "round.index";

} // namespace kinu::schedule
