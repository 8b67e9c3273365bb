// Accumulation of gradients over micro-batches, as reads and writes.
#include "compiler/fuse/Fuse.h"

#include "dialects/kinu/FirstRound.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_LOWERACCUMULATE
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;

static void lower(AccumulateOp op, bool single) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value sum = op.getValue();
  if (!single) {
    auto flag = NamedTensorType::get(op.getContext(), {}, b.getI1Type());
    Value first = InputOp::create(b, loc, flag, "$first", IntegerAttr());
    Value old = keepFirstRound(op, ReadOp::create(b, loc, sum.getType(), op.getVariable(), op.getRounds()));
    Value kept = SelectOp::create(b, loc, sum.getType(), first, ConstantOp::create(b, loc, 0.0), old);
    sum = AddOp::create(b, loc, sum.getType(), sum, kept);
  }
  keepFirstRound(op, WriteOp::create(b, loc, op.getVariable(), op.getRounds(), sum));
  op.erase();
}

namespace {
struct LowerAccumulate : fuse::impl::LowerAccumulateBase<LowerAccumulate> {
  void runOnOperation() override {
    auto count = getOperation()->getAttrOfType<IntegerAttr>("kinu.micro_batches");
    bool single = !count || count.getInt() == 1;
    SmallVector<AccumulateOp> ops;
    getOperation()->walk([&](AccumulateOp op) { ops.push_back(op); });
    for (AccumulateOp op : ops)
      lower(op, single);
  }
};
} // namespace
