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

/// The passes of the stage for what the train block asks for: none for fp32.
void buildPipeline(mlir::OpPassManager &passes, const typed::TrainConfig &train);

} // namespace kinu::precision
