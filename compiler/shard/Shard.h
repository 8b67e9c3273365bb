// The shard stage: from one device's graph to each rank's.
//
// A layout of the spec becomes a mesh and rules on the module; the pass `kinu-partition` does the rest (Passes.td).
#pragma once

#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"
#include "dialects/tofu/Tofu.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <string>

namespace kinu::shard {

#define GEN_PASS_DECL
#include "compiler/shard/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/shard/Passes.h.inc"

/// The layout `name` of the model; null if none is asked for, or if it is not there (`unknown-layout`) or needs what is
/// not built yet (`unsupported-layout`).
const typed::Layout *find(const TypedModel &model, const std::string &name, Diagnostics &diagnostics);

/// Micro-batches of a step under the layout: the global batch over the ranks that share it, in micro-batches of the
/// layout's size. The layout's own check has seen that they divide.
int64_t microBatches(const TypedModel &model, const typed::Layout &layout);

/// Writes the layout to the module: a `tofu.mesh` with the first degree of each axis, `kinu.layout`, and
/// `kinu.pipeline` if it has a pipeline. A layout of one rank leaves nothing. Reports axes that neither divide nor can
/// be padded (`shard-not-divisible`).
void annotate(mlir::ModuleOp module, const typed::Layout &layout, Diagnostics &diagnostics);

/// The stages that an annotated module is to be cut into: 1 without a pipeline.
int64_t stages(mlir::ModuleOp module);
int64_t stages(const typed::Layout &layout);
/// The first round of each stage, and the number of rounds. Where they do not divide, stages in the middle have one
/// more: the first has the embedding besides, the last the loss.
llvm::SmallVector<int64_t> stageBounds(int64_t rounds, int64_t stages);

} // namespace kinu::shard
