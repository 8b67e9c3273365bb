// Communication behind computation: what can begin early does, and what can be waited for late is. See Passes.td.
//
// The pass decides only what is begun where; whether that pays is a matter of times, which `kinu plan` plays through.
#include "compiler/schedule/MoveApart.h"
#include "compiler/schedule/Overlapped.h"
#include "compiler/schedule/Schedule.h"

namespace kinu::schedule {
#define GEN_PASS_DEF_OVERLAP
#include "compiler/schedule/Passes.h.inc"
} // namespace kinu::schedule

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

static void split(Operation *op) {
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  op->setAttr("async", builder.getUnitAttr());
  Value started = op->getResult(0);
  auto wait = tofu::WaitOp::create(builder, op->getLoc(), started.getType(), started, op->getOperands());
  started.replaceAllUsesExcept(wait.getResult(), wait);
}

namespace {
struct Overlap : schedule::impl::OverlapBase<Overlap> {
  void runOnOperation() override {
    SmallVector<StringRef, 3> words = overlapped(getOperation());
    if (words.empty())
      return;
    auto layout = getOperation()->getAttrOfType<DictionaryAttr>("kinu.layout");
    Bound bound{layout.getAs<IntegerAttr>("bucket").getInt()};
    Endings endings(getOperation());
    auto isAsked = [&](Operation &op) { return llvm::is_contained(words, classOf(&op, endings)); };
    for (ProgramOp program : getOperation().getOps<ProgramOp>()) {
      Block &block = program.getBody().front();
      SmallVector<Operation *> asked;
      for (Operation &op : block)
        if (isAsked(op))
          asked.push_back(&op);
      if (asked.empty())
        continue;
      llvm::for_each(asked, split);
      pairs += asked.size();
      raiseShifts(block);
      sinkWaits(block, bound, endings);
      hoistStarts(block, bound, endings);
    }
  }
};
} // namespace
