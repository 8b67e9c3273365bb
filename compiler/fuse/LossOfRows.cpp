// Cross-entropy of a linear layer for some rows.
#include "compiler/fuse/LossOfRows.h"

#include "mlir/IR/IRMapping.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;

Value fuse::inElementOf(OpBuilder &b, Value value, Value like) {
  Type element = typeOf(like).getElement();
  return typeOf(value).getElement() == element ? value : CastOp::create(b, value.getLoc(), value, element).getResult();
}

/// Whether a definition is elementwise in the rows that are cut.
static bool canCut(Region &region, const RowChunks &cut) {
  auto isCut = [&](Value value) {
    return llvm::any_of(typeOf(value).getAxes(), [&](const Axis &axis) { return cut.cuts(axis.name); });
  };
  return llvm::all_of(region.front().without_terminator(), [&](Operation &op) {
    if (isa<IndexOp>(op))
      return !isCut(op.getResult(0));
    bool fromOutside = llvm::any_of(
        op.getOperands(), [&](Value operand) { return operand.getParentRegion() != &region && isCut(operand); });
    return !fromOutside && (op.hasTrait<Elementwise>() || isa<ConstantOp, BroadcastOp>(op));
  });
}

static bool sameAxes(Value x, Value y) {
  NamedTensorType a = typeOf(x), b = typeOf(y);
  return a.getAxes().size() == b.getAxes().size() &&
         llvm::all_of(a.getAxes(), [&](const Axis &axis) { return b.has(axis.name); });
}

bool fuse::canCut(LossOps ops, const RowChunks &cut) {
  // The logits have the product's axes and no more, and each row has a gradient of its own.
  Value z = ops.logit().getArgument(0), t = ops.logit().front().getTerminator()->getOperand(0);
  bool rowwise = sameAxes(z, t) && ::canCut(ops.logit(), cut);
  if (ops.backward) {
    Value dz = ops.backward.getLogitBackward().front().getTerminator()->getOperand(0);
    rowwise &= sameAxes(z, dz) && ::canCut(ops.backward.getLogitBackward(), cut) &&
               sameAxes(ops.gradient(), ops.backward.getLogsumexp());
  }
  return rowwise && llvm::all_of(typeOf(ops.target()).getAxes(),
                                 [&](const Axis &axis) { return typeOf(ops.hidden()).has(axis.name); });
}

/// The region's computation for the rows of `arguments`.
static Value inlineFor(OpBuilder &b, Region &region, const RowChunks &cut, ValueRange arguments) {
  IRMapping mapping;
  mapping.map(region.getArguments(), arguments);
  for (Operation &op : region.front().without_terminator())
    for (Value result : b.clone(op, mapping)->getResults())
      result.setType(cut.typeOfChunk(typeOf(result)));
  return mapping.lookupOrDefault(region.front().getTerminator()->getOperand(0));
}

static SmallVector<Value> prepend(ArrayRef<Value> front, ArrayRef<Value> rest) {
  SmallVector<Value> values(front);
  llvm::append_range(values, rest);
  return values;
}

namespace {
/// Softmax over the classes of each row; a row of -inf has exponentials 0 and logsumexp 0.
struct Softmax {
  Value exp, sum, logsumexp;

  Softmax(OpBuilder &b, Location loc, Value t, ArrayAttr over) {
    Value lowest = ConstantOp::create(b, loc, -std::numeric_limits<double>::infinity());
    Value max = ReduceOp::create(b, loc, ReductionKind::max, t, over);
    Value alive = CompareOp::create(b, loc, ComparePredicate::gt, max, lowest);
    Value shift = SelectOp::create(b, loc, alive, max, ConstantOp::create(b, loc, 0.0));
    exp = ExpOp::create(b, loc, t.getType(), SubOp::create(b, loc, t, shift));
    Value total = ReduceOp::create(b, loc, ReductionKind::sum, exp, over);
    sum = SelectOp::create(b, loc, alive, total, ConstantOp::create(b, loc, 1.0));
    logsumexp = AddOp::create(b, loc, LogOp::create(b, loc, sum.getType(), sum), shift);
  }
};
} // namespace

/// A product in fp32 or, if `element` says so, rounded to 16 bits.
static Value product(OpBuilder &b, Location loc, Value lhs, Value rhs, ArrayAttr over, Type element,
                     IntegerAttr promote) {
  NamedTensorType type = joinTypes({lhs, rhs}).without(over).withElement(element);
  return DotOp::create(b, loc, type, lhs, rhs, over, promote);
}

/// dhidden and dweight of a chunk whose dz is known.
static void emitProducts(OpBuilder &b, LossOps ops, const LossOperands &operands, Value dz, LossResults &results) {
  Location loc = ops.any()->getLoc();
  NamedTensorType weight = typeOf(ops.weight());
  ArrayAttr over = b.getArrayAttr({ops.over()});
  SmallVector<Attribute> rows;
  for (const Axis &axis : typeOf(operands.hidden).without(ops.sum()).getAxes())
    rows.push_back(axis.name);
  results.dhidden = product(b, loc, dz, ops.weight(), over, typeOf(operands.hidden).getElement(), ops.promote());
  // The side that comes first is outer in memory: as in the weight.
  bool classesFirst = weight.getAxes().front().name == ops.over();
  Value hidden = inElementOf(b, operands.hidden, dz);
  Value dweight = product(b, loc, classesFirst ? dz : hidden, classesFirst ? hidden : dz, b.getArrayAttr(rows),
                          b.getF32Type(), ops.promote());
  dweight.setType(weight.withElement(b.getF32Type()));
  results.dweight = dweight;
}

LossResults fuse::emitLossOfRows(OpBuilder &b, LossOps ops, const RowChunks &cut, const LossOperands &operands) {
  Location loc = ops.any()->getLoc();
  NamedTensorType weight = typeOf(ops.weight());
  ArrayAttr over = b.getArrayAttr({ops.over()});
  LossResults results;
  Value z = product(b, loc, operands.hidden, ops.weight(), ops.sum(), b.getF32Type(), ops.promote());
  Value t = inlineFor(b, ops.logit(), cut, prepend({z}, operands.extras));
  Softmax softmax(b, loc, t, over);
  Axis classes = weight.getAxes()[weight.find(ops.over())];
  Value index = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {classes}, b.getI64Type()));
  Value hit = CompareOp::create(b, loc, ComparePredicate::eq, operands.target, index);
  Value zero = ConstantOp::create(b, loc, 0.0);
  if (ops.forward) {
    Value chosen = SelectOp::create(b, loc, t.getType(), hit, t, zero);
    chosen = ReduceOp::create(b, loc, ReductionKind::sum, chosen, over);
    results.loss = SubOp::create(b, loc, softmax.logsumexp, chosen);
    bool isWanted = llvm::any_of(ops.forward.getLogsumexp().getUsers(),
                                 [&](Operation *user) { return user != ops.backward.getOperation(); });
    results.logsumexp = isWanted ? softmax.logsumexp : Value();
  }
  if (!ops.backward)
    return results;
  Value p = DivOp::create(b, loc, softmax.exp, softmax.sum);
  Value less = SelectOp::create(b, loc, hit, ConstantOp::create(b, loc, 1.0), zero);
  Value dt = ChainOp::create(b, loc, t.getType(), operands.gradient, SubOp::create(b, loc, p, less));
  Value dz = inlineFor(b, ops.backward.getLogitBackward(), cut, prepend({z, dt}, operands.extras));
  emitProducts(b, ops, operands, inElementOf(b, dz, ops.weight()), results);
  return results;
}
