// Derivatives of ops that remove, add, rename or rearrange axes: each is the transpose of a linear map, but for the
// maximum and minimum, which choose.
#include "compiler/differentiate/Rules.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

/// dot(g, other) summed to `operand`: the axes of g that the operand lacks are all the other's, and the axes that the
/// dot summed over come back from the other. Where the product was asked for in fp32, so is its gradient.
static void giveDot(Rule &r, Value operand, Value other) {
  if (isFp32(operand) || isFp32(other))
    other = inFp32(r.builder, other);
  SmallVector<Attribute> over;
  for (const Axis &axis : typeOf(r.g).getAxes())
    if (!typeOf(operand).has(axis.name))
      over.push_back(axis.name);
  r.give(operand, DotOp::create(r.builder, r.loc, typeOf(operand), r.g, other, r.builder.getArrayAttr(over)));
}

/// The place of each element among those that are reduced together, counted with the last of the axes fastest.
static Value placeAlong(Rule &r, NamedTensorType type, ArrayAttr over) {
  Value place;
  for (StringRef name : over.getAsValueRange<StringAttr>()) {
    Axis axis = type.getAxes()[type.find(name)];
    Value index =
        IndexOp::create(r.builder, r.loc, NamedTensorType::get(r.builder.getContext(), {axis}, r.builder.getI64Type()));
    place = place ? r.join<AddOp>(r.join<MulOp>(place, r.whole(axis.length)), index) : index;
  }
  return place;
}

/// A maximum or minimum passes its gradient to the first element that attains it.
static void giveChosen(ReduceOp op, Rule &r) {
  Value x = op.getOperand();
  NamedTensorType type = typeOf(x), ints = type.withElement(r.builder.getI64Type());
  Value place = placeAlong(r, type, op.getOver());
  Value attains = r.compare(ComparePredicate::eq, x, op);
  Value candidate = SelectOp::create(r.builder, r.loc, ints, attains, place, r.whole(type.getNumElements()));
  Value first = ReduceOp::create(r.builder, r.loc, ReductionKind::min, candidate, op.getOver());
  Value chosen = r.compare(ComparePredicate::eq, place, first);
  r.give(x, SelectOp::create(r.builder, r.loc, type, chosen, r.g, r.number(0.0)));
}

/// Each operand's gradient is its part of the result's.
static void giveParts(ConcatOp op, Rule &r) {
  int64_t offset = 0;
  for (auto [operand, name] : llvm::zip(op.getOperands(), op.getAxes().getAsRange<StringAttr>())) {
    NamedTensorType type = typeOf(operand);
    Axis part = type.getAxes()[type.find(name)];
    SmallVector<Axis> axes;
    for (const Axis &axis : op.getType().getAxes())
      axes.push_back(axis.name == op.getAs() ? part : axis);
    r.give(operand, SliceOp::create(r.builder, r.loc, type.withAxes(axes), r.g, op.getAs(), offset, name));
    offset += part.length;
  }
}

void differentiate::attachAxes(MLIRContext *context) {
  attach<DotOp, [](DotOp op, Rule &r) {
    giveDot(r, op.getLhs(), op.getRhs());
    giveDot(r, op.getRhs(), op.getLhs());
  }>(context);
  attach<ReduceOp, [](ReduceOp op, Rule &r) {
    if (op.getKind() == ReductionKind::sum)
      r.give(op.getOperand(), r.g);
    else
      giveChosen(op, r);
  }>(context);
  attach<BroadcastOp, [](BroadcastOp op, Rule &r) { r.give(op.getOperand(), r.g); }>(context);
  attach<CumSumOp, [](CumSumOp op, Rule &r) {
    r.give(op.getOperand(), CumSumOp::create(r.builder, r.loc, typeOf(r.g), r.g, op.getOver(), !op.getReverse()));
  }>(context);
  attach<RenameOp, [](RenameOp op, Rule &r) {
    r.give(op.getOperand(), RenameOp::create(r.builder, r.loc, typeOf(op.getOperand()), r.g, op.getTo(), op.getFrom()));
  }>(context);
  attach<SliceOp, [](SliceOp op, Rule &r) {
    r.give(op.getOperand(),
           PadOp::create(r.builder, r.loc, typeOf(op.getOperand()), r.g, op.getAs(), op.getOffset(), op.getAxis()));
  }>(context);
  attach<PadOp, [](PadOp op, Rule &r) {
    r.give(op.getOperand(),
           SliceOp::create(r.builder, r.loc, typeOf(op.getOperand()), r.g, op.getAs(), op.getOffset(), op.getAxis()));
  }>(context);
  attach<SplitOp, [](SplitOp op, Rule &r) {
    r.give(op.getOperand(),
           JoinOp::create(r.builder, r.loc, typeOf(op.getOperand()), r.g, op.getFactors(), op.getAxis()));
  }>(context);
  attach<JoinOp, [](JoinOp op, Rule &r) {
    r.give(op.getOperand(),
           SplitOp::create(r.builder, r.loc, typeOf(op.getOperand()), r.g, op.getAxis(), op.getFactors()));
  }>(context);
  attach<ConcatOp, giveParts>(context);
}
