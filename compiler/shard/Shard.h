// The shard stage: from one device's graph to each rank's.
//
// Programs run on one rank so far: a layout is checked against the model (check does that) and refused here if its
// smallest mesh has more than one rank. Propagation and partition will stand here, between precision and recompute.
#pragma once

#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"

#include "dialects/tofu/Tofu.h"

#include "mlir/Pass/Pass.h"

#include <string>

namespace kinu::shard {

#define GEN_PASS_DECL
#include "compiler/shard/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/shard/Passes.h.inc"

/// Finds the layout `name` (empty: none is asked for) and reports `unknown-layout` or `too-many-ranks`.
void check(const TypedModel &model, const std::string &name, Diagnostics &diagnostics);

} // namespace kinu::shard
