// Ops whose kernels read and write fp32 only.
#include "compiler/fuse/Fuse.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_WIDENOPERANDS
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;

/// Kernels without code for 16-bit operands: an op leaves this list when they have it.
static bool needsFp32(Operation *op) { return isa<DotOp, AttentionOp, AttentionBackwardOp>(op); }

static bool is16Bit(Value value) {
  return typeOf(value).isFloat() && typeOf(value).getElement().getIntOrFloatBitWidth() == 16;
}

static void widen(Operation *op) {
  OpBuilder b(op);
  for (OpOperand &operand : op->getOpOperands())
    if (is16Bit(operand.get()))
      operand.set(CastOp::create(b, op->getLoc(), operand.get(), b.getF32Type()));
  op->removeAttr("promote");
  b.setInsertionPointAfter(op);
  for (Value result : op->getResults())
    if (is16Bit(result)) {
      Type narrow = typeOf(result).getElement();
      result.setType(typeOf(result).withElement(b.getF32Type()));
      auto rounded = CastOp::create(b, op->getLoc(), result, narrow);
      result.replaceAllUsesExcept(rounded, rounded);
    }
}

namespace {
struct WidenOperands : fuse::impl::WidenOperandsBase<WidenOperands> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      bool narrow = llvm::any_of(op->getOperands(), is16Bit) || llvm::any_of(op->getResults(), is16Bit);
      if (needsFp32(op) && narrow)
        ops.push_back(op);
    });
    llvm::for_each(ops, widen);
    widened += ops.size();
  }
};
} // namespace
