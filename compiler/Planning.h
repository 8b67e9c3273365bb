// Where plans meet the pipeline: the layout's machine, its degrees, and the files beside an executable.
#pragma once

#include "compiler/plan/Plan.h"

namespace kinu {

/// Puts the degrees for `nodes` (0: the first ones) first in the mesh of the layout, which is one of the model's. False
/// if there are none, which is reported.
bool chooseDegrees(TypedModel &model, const typed::Layout *layout, int64_t nodes, Diagnostics &diagnostics);

/// The plan of allocated modules, one for each stage of a pipeline; without a layout, of one rank on `machine`. Errors
/// are in `diagnostics`.
std::optional<plan::Plan> makePlan(llvm::ArrayRef<mlir::ModuleOp> stages, const TypedModel &model,
                                   const typed::Layout *layout, const machines::Machine &machine,
                                   Diagnostics &diagnostics);

/// Writes job scripts and the rank file beside the executable `output`.
llvm::Error writeLaunchFiles(const plan::Plan &plan, const std::string &output);

} // namespace kinu
