// Composite ops without kernels of their own become plain ops again.
#include "compiler/fuse/Fuse.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_EXPANDCOMPOSITES
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;

namespace {
struct ExpandComposites : fuse::impl::ExpandCompositesBase<ExpandComposites> {
  void runOnOperation() override {
    SmallVector<CompositeOpInterface> composites;
    getOperation()->walk([&](CompositeOpInterface op) {
      if (!isa<AttentionOp, AttentionBackwardOp>(op.getOperation()))
        composites.push_back(op);
    });
    for (CompositeOpInterface op : composites) {
      OpBuilder builder(op);
      op->replaceAllUsesWith(op.expand(builder));
      op->erase();
      ++expanded;
    }
  }
};
} // namespace
