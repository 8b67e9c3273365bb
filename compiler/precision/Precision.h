// The precision stage: the storage and compute type of every tensor.
#pragma once

#include "compiler/machines/Machine.h"
#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"
#include "dialects/kinu/Kinu.h"

#include "mlir/Pass/Pass.h"

namespace kinu::precision {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/precision/Passes.h.inc"

/// Reports `unsupported-precision` if the train block asks for a type that kernels for the machine do not have.
void check(const typed::TrainConfig &train, const machines::Machine &machine, Diagnostics &diagnostics);

/// The same for the `precision` rules of a layout.
void check(const typed::Layout &layout, const machines::Machine &machine, Diagnostics &diagnostics);

/// What each of so many stages of a pipeline asks for: the train block, or the last `precision` rule that means the
/// stage. Without a layout, null, the train block.
std::vector<typed::TrainConfig> ofStages(const typed::TrainConfig &train, const typed::Layout *layout, int64_t stages);

/// The passes of the stage for what the train block asks for: none for fp32.
void buildPipeline(mlir::OpPassManager &passes, const typed::TrainConfig &train);

} // namespace kinu::precision
