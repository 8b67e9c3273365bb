// The recompute stage: which rounds keep what their backward rounds need, and which compute it again.
#pragma once

#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"
#include "dialects/kinu/Kinu.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace kinu::recompute {

#define GEN_PASS_DECL
#include "compiler/recompute/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/recompute/Passes.h.inc"

/// Marks the repeats of one stage's module that the layout's `recompute` clauses mean with `kinu.recompute`. Where a
/// clause means only some of the stage's layers, that is an error at the clause (`recompute-part`).
void annotate(mlir::ModuleOp module, const typed::Layout &layout, int64_t stage, Diagnostics &diagnostics);

} // namespace kinu::recompute
