// The fuse stage: from a graph of ops to launches of kernels. Passes.td says what each pass does and why it stands
// there.
#pragma once

#include "dialects/step/Step.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace kinu::fuse {

#define GEN_PASS_DECL
#include "compiler/fuse/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/fuse/Passes.h.inc"

struct Options {
  int64_t lossChunkBytes = int64_t(128) << 20; ///< that the logits of a chunk of rows may take
};

/// The passes of the stage in their order.
void buildPipeline(mlir::OpPassManager &passes, const Options &options = {});

} // namespace kinu::fuse
