// Verifiers of composite ops: their operands, and that their regions speak of them.
#include "dialects/kinu/Kinu.h"

using namespace mlir;
using namespace kinu;

/// The axes of all values but those named, in the order in which they are first met.
static NamedTensorType axesOf(ValueRange values, ArrayAttr except) { return joinTypes(values).without(except); }

static LogicalResult sameAxes(Operation *op, StringRef what, Type actual, NamedTensorType expected) {
  auto type = cast<NamedTensorType>(actual);
  bool same = type.getAxes().size() == expected.getAxes().size() &&
              llvm::all_of(expected.getAxes(), [&](const Axis &axis) {
                return type.has(axis.name) && type.length(axis.name) == axis.length;
              });
  return same ? success()
              : op->emitOpError("requires ") << what << " to have the axes of " << expected << ", but it is " << type;
}

static LogicalResult hasAxes(Operation *op, StringRef what, Value value, ArrayAttr names) {
  for (StringRef name : names.getAsValueRange<StringAttr>())
    if (!typeOf(value).has(name))
      return op->emitOpError("requires ") << what << " to have axis `" << name << "`, but it is " << value.getType();
  return success();
}

static LogicalResult lacks(Operation *op, StringRef what, Value value, StringRef name) {
  return typeOf(value).has(name) ? op->emitOpError("requires ") << what << " to have no axis `" << name << "`"
                                 : success();
}

static LogicalResult oneElement(Operation *op, ValueRange values) {
  for (Value value : values.drop_front())
    if (typeOf(value).getElement() != typeOf(values[0]).getElement())
      return op->emitOpError("requires factors of one element type, but they are ")
             << values[0].getType() << " and " << value.getType();
  return success();
}

static LogicalResult inFp32(Operation *op, StringRef what, Value value) {
  return typeOf(value).getElement().isF32()
             ? success()
             : op->emitOpError("requires ") << what << " in f32, but it is " << value.getType();
}

/// The region takes values of these types, in any order of axes, and yields `results` values.
static LogicalResult regionTakes(Operation *op, Region &region, ArrayRef<NamedTensorType> types, size_t results) {
  if (region.getNumArguments() != types.size())
    return op->emitOpError("requires a region of ") << types.size() << " arguments, but it has "
                                                    << region.getNumArguments();
  for (auto [argument, type] : llvm::zip(region.getArguments(), types)) {
    if (typeOf(argument).getElement() != type.getElement())
      return op->emitOpError("requires a region that takes ") << type << ", but it takes " << argument.getType();
    if (failed(sameAxes(op, "the region's argument", argument.getType(), type)))
      return failure();
  }
  auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
  if (!yield || yield.getNumOperands() != results)
    return op->emitOpError("requires a region that yields ") << results << " values";
  return success();
}

/// A function of one score (`leading` of them, for a backward region) and the extras.
static LogicalResult scoreRegion(Operation *op, Region &region, NamedTensorType score, unsigned leading,
                                 ValueRange extras) {
  SmallVector<NamedTensorType> types(leading, score);
  for (Value extra : extras)
    types.push_back(typeOf(extra));
  return regionTakes(op, region, types, 1);
}

static NamedTensorType inFp32(NamedTensorType type) {
  return type.withElement(Float32Type::get(type.getContext()));
}

/// What attention and its derivative agree on.
template <typename Op> static LogicalResult verifyAttention(Op op) {
  MLIRContext *context = op.getContext();
  ArrayAttr query = ArrayAttr::get(context, {op.getQueryAttr()}), key = ArrayAttr::get(context, {op.getKeyAttr()});
  if (failed(hasAxes(op, "q", op.getQ(), op.getSum())) || failed(hasAxes(op, "k", op.getK(), op.getSum())) ||
      failed(hasAxes(op, "q", op.getQ(), query)) || failed(hasAxes(op, "k", op.getK(), key)) ||
      failed(hasAxes(op, "v", op.getV(), key)) || failed(lacks(op, "q", op.getQ(), op.getKey())) ||
      failed(lacks(op, "k", op.getK(), op.getQuery())) || failed(lacks(op, "v", op.getV(), op.getQuery())) ||
      failed(oneElement(op, {op.getQ(), op.getK(), op.getV()})) ||
      failed(inFp32(op, "logsumexp", op.getLogsumexp())))
    return failure();
  NamedTensorType score = inFp32(axesOf({op.getQ(), op.getK()}, op.getSum()));
  if (failed(sameAxes(op, "logsumexp", op.getLogsumexp().getType(), score.without(key))))
    return failure();
  return scoreRegion(op, op.getScore(), score, 1, op.getExtras());
}

LogicalResult AttentionOp::verify() { return verifyAttention(*this); }

LogicalResult AttentionBackwardOp::verify() {
  if (failed(verifyAttention(*this)) || failed(oneElement(*this, {getQ(), getGradient()})) ||
      failed(sameAxes(*this, "gradient", getGradient().getType(), typeOf(getResult()))) ||
      failed(sameAxes(*this, "dq", getDq().getType(), typeOf(getQ()))) ||
      failed(sameAxes(*this, "dk", getDk().getType(), typeOf(getK()))) ||
      failed(sameAxes(*this, "dv", getDv().getType(), typeOf(getV()))))
    return failure();
  NamedTensorType score = inFp32(axesOf({getQ(), getK()}, getSum()));
  return scoreRegion(*this, getScoreBackward(), score, 2, getExtras());
}

/// What linear + cross-entropy and its derivative agree on.
template <typename Op> static LogicalResult verifyLinearCrossEntropy(Op op) {
  ArrayAttr over = ArrayAttr::get(op.getContext(), {op.getOverAttr()});
  if (failed(hasAxes(op, "hidden", op.getHidden(), op.getSum())) ||
      failed(hasAxes(op, "weight", op.getWeight(), op.getSum())) ||
      failed(hasAxes(op, "weight", op.getWeight(), over)) ||
      failed(lacks(op, "hidden", op.getHidden(), op.getOver())) ||
      failed(lacks(op, "target", op.getTarget(), op.getOver())) ||
      failed(oneElement(op, {op.getHidden(), op.getWeight()})) ||
      failed(inFp32(op, "logsumexp", op.getLogsumexp())))
    return failure();
  NamedTensorType logit = inFp32(axesOf({op.getHidden(), op.getWeight()}, op.getSum()));
  return scoreRegion(op, op.getLogit(), logit, 1, op.getExtras());
}

LogicalResult LinearCrossEntropyOp::verify() { return verifyLinearCrossEntropy(*this); }

LogicalResult LinearCrossEntropyBackwardOp::verify() {
  if (failed(verifyLinearCrossEntropy(*this)) ||
      failed(sameAxes(*this, "dhidden", getDhidden().getType(), typeOf(getHidden()))) ||
      failed(sameAxes(*this, "dweight", getDweight().getType(), typeOf(getWeight()))))
    return failure();
  NamedTensorType logit = inFp32(axesOf({getHidden(), getWeight()}, getSum()));
  return scoreRegion(*this, getLogitBackward(), logit, 2, getExtras());
}

LogicalResult NormOp::verify() {
  auto types = llvm::map_to_vector(getOperands(), typeOf);
  if (failed(regionTakes(*this, getBody(), types, 1)))
    return failure();
  return sameAxes(*this, "the result", getType(), typeOf(getBody().front().getTerminator()->getOperand(0)));
}

LogicalResult NormBackwardOp::verify() {
  auto types = llvm::map_to_vector(getOperands(), typeOf);
  if (failed(regionTakes(*this, getBody(), types, getNumResults())))
    return failure();
  for (auto [gradient, made] : llvm::zip(getGradients(), getBody().front().getTerminator()->getOperands()))
    if (failed(sameAxes(*this, "a gradient", gradient.getType(), typeOf(made))))
      return failure();
  return success();
}
