// The small pieces that derivative rules share, and the registration of all rules.
#include "compiler/differentiate/Rules.h"
#include "compiler/differentiate/Differentiate.h"

using namespace mlir;
using namespace kinu;

Value differentiate::conform(OpBuilder &builder, Location loc, Value gradient, NamedTensorType type) {
  SmallVector<Attribute> over;
  SmallVector<Axis> kept;
  for (const Axis &axis : typeOf(gradient).getAxes())
    if (!type.has(axis.name))
      over.push_back(axis.name);
  for (const Axis &axis : type.getAxes())
    if (typeOf(gradient).has(axis.name))
      kept.push_back(axis);
  if (!over.empty())
    gradient =
        ReduceOp::create(builder, loc, type.withAxes(kept), ReductionKind::sum, gradient, builder.getArrayAttr(over));
  if (kept.size() < type.getAxes().size())
    gradient = BroadcastOp::create(builder, loc, type, gradient);
  return gradient;
}

Value differentiate::retype(OpBuilder &builder, Location loc, Value gradient, NamedTensorType type) {
  gradient = conform(builder, loc, gradient, type);
  return gradient.getType() == type ? gradient : BroadcastOp::create(builder, loc, type, gradient).getResult();
}

bool differentiate::isFp32(Value value) {
  Operation *op = value.getDefiningOp();
  return op && (isa<Fp32Op>(op) || (isa<RenameOp, SplitOp, JoinOp>(op) && isFp32(op->getOperand(0))));
}

Value differentiate::inFp32(OpBuilder &builder, Value value) {
  return isFp32(value) ? value : Fp32Op::create(builder, value.getLoc(), value.getType(), value).getResult();
}

Value differentiate::zeros(OpBuilder &builder, Location loc, NamedTensorType type) {
  return conform(builder, loc, ConstantOp::create(builder, loc, 0.0), type);
}

void differentiate::registerDerivatives(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, KinuDialect *) {
    attachElementwise(context);
    attachAxes(context);
    attachLookup(context);
    attachComposites(context);
  });
}
