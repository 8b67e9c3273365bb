// Reductions that would run on one core are split in two; products that would waste a matrix kernel become reductions.
#include "compiler/fuse/Fuse.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_SPLITREDUCTIONS
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;

/// Below this many elements one core is done before others are woken.
static constexpr int64_t kShortReduction = 32768;
/// Results that are enough independent rows by themselves.
static constexpr int64_t kEnoughRows = 16;

static void splitReduction(ReduceOp op) {
  NamedTensorType operand = typeOf(op.getOperand());
  if (operand.getNumElements() < kShortReduction || op.getType().getNumElements() >= kEnoughRows ||
      op.getOver().size() < 2)
    return;
  // The outermost summed axis that is long enough to share out.
  for (const Axis &axis : operand.getAxes()) {
    if (!contains(op.getOver(), axis.name.getValue()) || axis.length < 4)
      continue;
    SmallVector<Attribute> rest;
    for (Attribute name : op.getOver())
      if (name != axis.name)
        rest.push_back(name);
    OpBuilder b(op);
    Value part = ReduceOp::create(b, op.getLoc(), op.getKind(), op.getOperand(), b.getArrayAttr(rest));
    op.getOperandMutable().assign(part);
    op.setOverAttr(b.getArrayAttr({axis.name}));
    return;
  }
}

static void thinProduct(DotOp op) {
  int64_t left = 1, right = 1;
  NamedTensorType lhs = typeOf(op.getLhs()), rhs = typeOf(op.getRhs());
  for (const Axis &axis : op.getType().getAxes()) {
    left *= !rhs.has(axis.name) ? axis.length : 1;
    right *= !lhs.has(axis.name) ? axis.length : 1;
  }
  if (left > 1 && right > 1)
    return;
  OpBuilder b(op);
  auto inElement = [&](Value value, Type element) -> Value { // products and sums are in fp32
    return typeOf(value).getElement() == element ? value : CastOp::create(b, op.getLoc(), value, element).getResult();
  };
  Type fp32 = b.getF32Type();
  Value product = MulOp::create(b, op.getLoc(), inElement(op.getLhs(), fp32), inElement(op.getRhs(), fp32));
  Value sum =
      ReduceOp::create(b, op.getLoc(), op.getType().withElement(fp32), ReductionKind::sum, product, op.getOver());
  sum = inElement(sum, op.getType().getElement());
  op.replaceAllUsesWith(sum);
  op.erase();
}

namespace {
struct SplitReductions : fuse::impl::SplitReductionsBase<SplitReductions> {
  void runOnOperation() override {
    SmallVector<DotOp> dots;
    getOperation()->walk([&](DotOp op) { dots.push_back(op); });
    llvm::for_each(dots, thinProduct);
    SmallVector<ReduceOp> reductions;
    getOperation()->walk([&](ReduceOp op) { reductions.push_back(op); });
    llvm::for_each(reductions, splitReduction);
  }
};
} // namespace
