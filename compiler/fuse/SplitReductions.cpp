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
/// From here on the reading of rows decides how long a sum of columns takes.
static constexpr int64_t kManyElements = int64_t(1) << 20;
/// Into how many parts their rows are dealt out, at least.
static constexpr int64_t kParts = 16;

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

/// Sums of columns: the rows are dealt out to parts, so that each part reads whole rows, one run of memory, and threads
/// need not share the columns out. Only where the summed axes are outside of the others.
static void splitColumns(ReduceOp op) {
  NamedTensorType operand = typeOf(op.getOperand());
  if (operand.getNumElements() < kManyElements || op.getType().getNumElements() < kEnoughRows)
    return;
  OpBuilder b(op);
  Value source = op.getOperand();
  SmallVector<Attribute> inParts, overParts;
  int64_t parts = 1;
  for (auto [i, axis] : llvm::enumerate(operand.getAxes()))
    if (contains(op.getOver(), axis.name.getValue()) != (i < op.getOver().size()))
      return;
  for (const Axis &axis : operand.getAxes().take_front(op.getOver().size())) {
    int64_t wanted = (kParts + parts - 1) / parts, cut = wanted;
    while (cut <= 2 * wanted && axis.length % cut)
      ++cut;
    if (wanted == 1 || (axis.length > 2 * wanted && cut > 2 * wanted)) {
      inParts.push_back(axis.name);
    } else if (axis.length <= 2 * wanted) {
      overParts.push_back(axis.name);
      parts *= axis.length;
    } else {
      auto part = b.getStringAttr(axis.name.getValue() + ".part"), row = b.getStringAttr(axis.name.getValue() + ".row");
      SmallVector<Axis> axes;
      for (const Axis &other : typeOf(source).getAxes())
        if (other == axis)
          axes.append({{part, cut}, {row, axis.length / cut}});
        else
          axes.push_back(other);
      source = SplitOp::create(b, op.getLoc(), operand.withAxes(axes), source, axis.name, b.getArrayAttr({part, row}));
      inParts.push_back(row);
      overParts.push_back(part);
      parts *= cut;
    }
  }
  if (parts < kParts / 2 || inParts.empty())
    return;
  Value sums = ReduceOp::create(b, op.getLoc(), op.getKind(), source, b.getArrayAttr(inParts));
  op.getOperandMutable().assign(sums);
  op.setOverAttr(b.getArrayAttr(overParts));
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
    llvm::for_each(reductions, splitColumns);
  }
};
} // namespace
