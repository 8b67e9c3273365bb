// The step dialect: kernels and launches. See StepOps.td for the manual.
#pragma once

#include "dialects/kinu/Kinu.h"

#include "mlir/IR/BuiltinOps.h"

#include "dialects/step/StepDialect.h.inc"
#include "dialects/step/StepEnums.h.inc"
#define GET_OP_CLASSES
#include "dialects/step/StepOps.h.inc"

namespace kinu::step {

/// What follows the name of a program in that of its copy for the last micro-batch of a step, where there is one.
inline constexpr llvm::StringLiteral kLast = ".last";

/// How often a step of so many micro-batches runs a program of the module; 0 for what is no part of a step. See "A
/// step" in docs/ARCHITECTURE.md.
int64_t runsInStep(mlir::ModuleOp module, llvm::StringRef program, int64_t microBatches);

} // namespace kinu::step
