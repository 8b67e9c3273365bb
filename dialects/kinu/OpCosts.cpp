#include "dialects/kinu/OpCosts.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace kinu;

bool kinu::isDear(Operation *op) { return isa<ExpOp, LogOp, TanhOp, ErfOp, SinOp, CosOp, PowOp>(op); }

bool kinu::isFree(Operation *op) {
  if (isa<ConstantOp, IndexOp>(op))
    return true;
  if (!(op->hasTrait<Elementwise>() || isa<RenameOp, BroadcastOp>(op)) || isDear(op))
    return false;
  return llvm::all_of(op->getOperands(),
                      [](Value operand) { return operand.getDefiningOp() && isFree(operand.getDefiningOp()); });
}

static Value cloneInto(OpBuilder &builder, Value value, IRMapping &mapping) {
  if (Value done = mapping.lookupOrNull(value))
    return done;
  for (Value operand : value.getDefiningOp()->getOperands())
    cloneInto(builder, operand, mapping);
  builder.clone(*value.getDefiningOp(), mapping);
  return mapping.lookup(value);
}

void kinu::sinkFreeOps(Region &region) {
  OpBuilder builder = OpBuilder::atBlockBegin(&region.front());
  IRMapping mapping;
  region.walk([&](Operation *op) {
    for (OpOperand &operand : op->getOpOperands()) {
      Operation *source = operand.get().getDefiningOp();
      if (source && !region.isAncestor(source->getParentRegion()) && isFree(source))
        operand.set(cloneInto(builder, operand.get(), mapping));
    }
  });
}
