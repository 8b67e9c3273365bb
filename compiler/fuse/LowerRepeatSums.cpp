// Sums over the rounds of a repeat, as carried values.
#include "compiler/fuse/Fuse.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_LOWERREPEATSUMS
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;

static void lower(RepeatOp repeat) {
  if (repeat.getSums().empty())
    return;
  OpBuilder b(repeat);
  Location loc = repeat.getLoc();
  unsigned carriedCount = repeat.getCarried().size();
  SmallVector<Value> carried(repeat.getCarried());
  SmallVector<Type> carriedTypes(repeat.getResults().getTypes());
  SmallVector<Type> savedTypes(repeat.getSaved().getTypes());
  for (Value sum : repeat.getSums()) {
    Value zero = ConstantOp::create(b, loc, 0.0);
    carried.push_back(BroadcastOp::create(b, loc, sum.getType(), zero));
    carriedTypes.push_back(sum.getType());
  }
  auto lowered = RepeatOp::create(b, loc, carriedTypes, TypeRange(), savedTypes, repeat.getAxis(), repeat.getCount(),
                                  repeat.getReverse(), carried, repeat.getStacked());
  lowered.getBody().takeBody(repeat.getBody());
  Block &body = lowered.getBody().front();
  YieldOp yield = lowered.getYield();
  b.setInsertionPoint(yield);
  for (auto [i, sum] : llvm::enumerate(repeat.getSums())) {
    unsigned position = carriedCount + i;
    Value total = body.insertArgument(1 + position, sum.getType(), loc);
    yield->setOperand(position, AddOp::create(b, loc, sum.getType(), total, yield->getOperand(position)));
  }
  SmallVector<Value> results(lowered->getResults());
  repeat->replaceAllUsesWith(results);
  repeat.erase();
}

namespace {
struct LowerRepeatSums : fuse::impl::LowerRepeatSumsBase<LowerRepeatSums> {
  void runOnOperation() override {
    SmallVector<RepeatOp> repeats;
    getOperation()->walk([&](RepeatOp op) { repeats.push_back(op); });
    llvm::for_each(repeats, lower);
  }
};
} // namespace
