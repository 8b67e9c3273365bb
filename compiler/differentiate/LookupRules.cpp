// Derivatives of lookup and scatter, which are each other's transposes. `top` makes ints and has none.
#include "compiler/differentiate/Rules.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

/// Whether every axis of the index is an axis of the source that the lookup keeps, as in `logits[token = target]`:
/// then each gradient has one place along the axis, and the transpose is elementwise.
static bool picksOnePerRow(LookupOp op) {
  return op.getIndices().size() == 1 && llvm::all_of(typeOf(op.getIndices()[0]).getAxes(), [&](const Axis &axis) {
           return typeOf(op.getSource()).has(axis.name) && !contains(op.getAxes(), axis.name.getValue());
         });
}

/// g at the index, 0 elsewhere. An index out of range meets no element.
static void giveOneHot(LookupOp op, Rule &r) {
  NamedTensorType source = typeOf(op.getSource());
  StringRef name = cast<StringAttr>(op.getAxes()[0]).getValue();
  Axis axis = source.getAxes()[source.find(name)];
  Value along =
      IndexOp::create(r.builder, r.loc, NamedTensorType::get(r.builder.getContext(), {axis}, r.builder.getI64Type()));
  Value hit = r.compare(ComparePredicate::eq, op.getIndices()[0], along);
  r.give(op.getSource(), SelectOp::create(r.builder, r.loc, source, hit, r.g, r.number(0.0)));
}

/// `value` with each of `axes` that it has called otherwise: a scatter's new axes must be new.
static Value renameAway(Rule &r, Value value, ArrayAttr axes) {
  for (StringRef name : axes.getAsValueRange<StringAttr>())
    if (typeOf(value).has(name))
      value = RenameOp::create(r.builder, r.loc, value, name, (name + "$index").str());
  return value;
}

static void giveScattered(LookupOp op, Rule &r) {
  NamedTensorType source = typeOf(op.getSource());
  Value g = renameAway(r, r.g, op.getAxes());
  SmallVector<Value> indices;
  for (Value index : op.getIndices())
    indices.push_back(renameAway(r, index, op.getAxes()));
  SmallVector<Attribute> over;
  for (const Axis &axis : typeOf(g).getAxes())
    if (!source.has(axis.name))
      over.push_back(axis.name);
  r.give(op.getSource(), ScatterOp::create(r.builder, r.loc, source, g, r.builder.getArrayAttr(over), op.getAxes(),
                                           indices, op.getOtherwise().has_value()));
}

/// Every operand element reads the gradient of the place it was added to; what was dropped reads 0.
static void giveLookedUp(ScatterOp op, Rule &r) {
  NamedTensorType kept = typeOf(r.g).without(op.getAxes());
  SmallVector<Axis> axes(kept.getAxes());
  for (Value index : op.getIndices())
    for (const Axis &axis : typeOf(index).getAxes())
      if (llvm::none_of(axes, [&](const Axis &met) { return met.name == axis.name; }))
        axes.push_back(axis);
  FloatAttr otherwise = op.getDrop() ? r.builder.getF64FloatAttr(0.0) : FloatAttr();
  r.give(op.getOperand(),
         LookupOp::create(r.builder, r.loc, kept.withAxes(axes), r.g, op.getAxes(), op.getIndices(), otherwise));
}

void differentiate::attachLookup(MLIRContext *context) {
  attach<LookupOp, [](LookupOp op, Rule &r) { picksOnePerRow(op) ? giveOneHot(op, r) : giveScattered(op, r); }>(
      context);
  attach<ScatterOp, giveLookedUp>(context);
}
