// Composite ops without kernels of their own become plain ops again.
#include "compiler/fuse/Fuse.h"

#include "dialects/kinu/Composites.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_EXPANDCOMPOSITES
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;

namespace {
struct ExpandComposites : fuse::impl::ExpandCompositesBase<ExpandComposites> {
  void runOnOperation() override {
    expanded +=
        expandComposites(getOperation(), [](Operation *op) { return !isa<AttentionOp, AttentionBackwardOp>(op); });
  }
};
} // namespace
