// Verifiers: each states the rule, then what was found.
#include "dialects/kinu/Kinu.h"

using namespace mlir;
using namespace kinu;

/// The result has the axes of `axes`, in any order.
static LogicalResult sameAxes(Operation *op, NamedTensorType result, ArrayRef<Axis> axes) {
  for (const Axis &axis : axes)
    if (!result.has(axis.name) || result.length(axis.name) != axis.length)
      return op->emitOpError("requires the result to have axis `")
             << axis.name.getValue() << "` of length " << axis.length << ", but it is " << result;
  if (result.getAxes().size() != axes.size())
    return op->emitOpError("requires a result of ") << axes.size() << " axes, but it is " << result;
  return success();
}

static LogicalResult requireAxis(Operation *op, NamedTensorType type, StringRef name) {
  if (!type.has(name))
    return op->emitOpError("requires axis `") << name << "` in " << type;
  return success();
}

/// Adds the axes of `type` but those in `except` to `axes`; the same name must mean the same length.
static LogicalResult unite(Operation *op, SmallVectorImpl<Axis> &axes, NamedTensorType type, ArrayAttr except = {}) {
  for (const Axis &axis : type.getAxes()) {
    if (except && contains(except, axis.name.getValue()))
      continue;
    auto *met = llvm::find_if(axes, [&](const Axis &other) { return other.name == axis.name; });
    if (met == axes.end())
      axes.push_back(axis);
    else if (met->length != axis.length)
      return op->emitOpError("requires one length of axis `")
             << axis.name.getValue() << "`, but it is " << met->length << " and " << axis.length;
  }
  return success();
}

LogicalResult kinu::verifyElementwise(Operation *op) {
  auto result = typeOf(op->getResult(0));
  for (Value operand : op->getOperands())
    for (const Axis &axis : typeOf(operand).getAxes())
      if (!result.has(axis.name) || result.length(axis.name) != axis.length)
        return op->emitOpError("requires the result to have axis `")
               << axis.name.getValue() << "` of length " << axis.length << ", but it is " << result;
  if (isa<ToFloatOp, ToIntOp, CastOp>(op))
    return success();
  auto operands = isa<SelectOp>(op) ? op->getOperands().drop_front() : op->getOperands();
  for (Value operand : operands)
    if (typeOf(operand).getElement() != typeOf(operands[0]).getElement())
      return op->emitOpError("requires operands of one element type, but they are ")
             << operands[0].getType() << " and " << operand.getType();
  if (!isa<CompareOp>(op) && result.getElement() != typeOf(operands[0]).getElement())
    return op->emitOpError("requires a result of the operands' element type, but it is ") << result;
  return success();
}

LogicalResult VariableOp::verify() {
  if (!llvm::is_contained(
          {"weight", "bias", "gain", "moment1", "moment2", "gradient", "sum", "table", "copy", "stash", "message"},
          getRole()))
    return emitOpError(
               "requires role weight, bias, gain, moment1, moment2, gradient, sum, table, copy, stash or message, but "
               "it is ")
           << getRole();
  if (!llvm::is_contained({"normal", "truncated_normal", "uniform", "zeros", "ones"}, getInit()))
    return emitOpError("requires initialiser normal, truncated_normal, uniform, zeros or ones, but it is ")
           << getInit();
  return success();
}

LogicalResult ConstantOp::verify() {
  if (!getType().getAxes().empty())
    return emitOpError("requires a scalar result");
  bool agrees = getType().isFloat()  ? isa<FloatAttr>(getValue())
                : getType().isBool() ? isa<BoolAttr>(getValue())
                                     : isa<IntegerAttr>(getValue());
  return agrees ? success() : emitOpError("requires a value of the result's element type");
}

LogicalResult IndexOp::verify() {
  return getType().getAxes().size() == 1 ? success() : emitOpError("requires a result of one axis");
}

LogicalResult DotOp::verify() {
  for (StringRef name : getOver().getAsValueRange<StringAttr>())
    if (failed(requireAxis(*this, typeOf(getLhs()), name)) || failed(requireAxis(*this, typeOf(getRhs()), name)))
      return failure();
  if (typeOf(getLhs()).getElement() != typeOf(getRhs()).getElement())
    return emitOpError("requires operands of one element type, but they are ")
           << getLhs().getType() << " and " << getRhs().getType();
  if (getPromote() && (!typeOf(getLhs()).getElement().isF16() || *getPromote() < 1))
    return emitOpError("requires f16 operands and at least one term for `promote`");
  SmallVector<Axis> all, kept;
  if (failed(unite(*this, all, typeOf(getLhs()))) || failed(unite(*this, all, typeOf(getRhs()))))
    return failure();
  for (const Axis &axis : all)
    if (!contains(getOver(), axis.name.getValue()))
      kept.push_back(axis);
  return sameAxes(*this, getType(), kept);
}

LogicalResult ReduceOp::verify() {
  for (StringRef name : getOver().getAsValueRange<StringAttr>())
    if (failed(requireAxis(*this, typeOf(getOperand()), name)))
      return failure();
  return sameAxes(*this, getType(), typeOf(getOperand()).without(getOver()).getAxes());
}

LogicalResult BroadcastOp::verify() {
  for (const Axis &axis : typeOf(getOperand()).getAxes())
    if (!getType().has(axis.name) || getType().length(axis.name) != axis.length)
      return emitOpError("requires the result to have axis `") << axis.name.getValue() << "` of length " << axis.length;
  return success();
}

LogicalResult CumSumOp::verify() { return requireAxis(*this, getType(), getOver()); }

LogicalResult LookupOp::verify() {
  if (getAxes().size() != getIndices().size())
    return emitOpError("requires an index for each of its ")
           << getAxes().size() << " axes, but has " << getIndices().size();
  for (StringRef name : getAxes().getAsValueRange<StringAttr>())
    if (failed(requireAxis(*this, typeOf(getSource()), name)))
      return failure();
  SmallVector<Axis> axes;
  if (failed(unite(*this, axes, typeOf(getSource()), getAxes())))
    return failure();
  for (Value index : getIndices())
    if (failed(unite(*this, axes, typeOf(index))))
      return failure();
  return sameAxes(*this, getType(), axes);
}

LogicalResult ScatterOp::verify() {
  if (getAxes().size() != getIndices().size())
    return emitOpError("requires an index for each of its ")
           << getAxes().size() << " axes, but has " << getIndices().size();
  SmallVector<Axis> axes;
  if (failed(unite(*this, axes, typeOf(getOperand()), getOver())))
    return failure();
  for (Value index : getIndices())
    if (failed(unite(*this, axes, typeOf(index), getOver())))
      return failure();
  for (StringRef name : getAxes().getAsValueRange<StringAttr>()) {
    if (failed(requireAxis(*this, getType(), name)))
      return failure();
    axes.push_back(getType().getAxes()[getType().find(name)]);
  }
  return sameAxes(*this, getType(), axes);
}

/// The result is the operand with axis `from` replaced by the axes `to`.
static LogicalResult replaces(Operation *op, NamedTensorType operand, ArrayRef<StringRef> from, NamedTensorType result,
                              ArrayRef<StringRef> to) {
  SmallVector<Axis> axes;
  for (StringRef name : from)
    if (failed(requireAxis(op, operand, name)))
      return failure();
  for (StringRef name : to)
    if (failed(requireAxis(op, result, name)))
      return failure();
  for (const Axis &axis : operand.getAxes())
    if (!llvm::is_contained(from, axis.name.getValue()))
      axes.push_back(axis);
  for (StringRef name : to)
    axes.push_back(result.getAxes()[result.find(name)]);
  return sameAxes(op, result, axes);
}

static int64_t product(NamedTensorType type, ArrayRef<StringRef> names) {
  int64_t result = 1;
  for (StringRef name : names)
    result *= type.length(name);
  return result;
}

LogicalResult TopOp::verify() {
  if (failed(replaces(*this, typeOf(getOperand()), {getOver()}, getType(), {getAs()})))
    return failure();
  if (getType().length(getAs()) > typeOf(getOperand()).length(getOver()))
    return emitOpError("requires `") << getAs() << "` to be no longer than `" << getOver() << "`";
  return success();
}

LogicalResult RenameOp::verify() {
  if (failed(replaces(*this, typeOf(getOperand()), {getFrom()}, getType(), {getTo()})))
    return failure();
  if (getType().length(getTo()) != typeOf(getOperand()).length(getFrom()))
    return emitOpError("requires one length of `") << getFrom() << "` and `" << getTo() << "`";
  return success();
}

LogicalResult SliceOp::verify() {
  if (failed(replaces(*this, typeOf(getOperand()), {getAxis()}, getType(), {getAs()})))
    return failure();
  if (getOffset() < 0 || getOffset() + getType().length(getAs()) > typeOf(getOperand()).length(getAxis()))
    return emitOpError("requires the slice to lie inside `") << getAxis() << "`";
  return success();
}

LogicalResult PadOp::verify() {
  if (failed(replaces(*this, typeOf(getOperand()), {getAxis()}, getType(), {getAs()})))
    return failure();
  if (getOffset() < 0 || getOffset() + typeOf(getOperand()).length(getAxis()) > getType().length(getAs()))
    return emitOpError("requires the operand to fit inside `") << getAs() << "`";
  return success();
}

LogicalResult SplitOp::verify() {
  auto factors = llvm::to_vector(getFactors().getAsValueRange<StringAttr>());
  if (failed(replaces(*this, typeOf(getOperand()), {getAxis()}, getType(), factors)))
    return failure();
  if (product(getType(), factors) != typeOf(getOperand()).length(getAxis()))
    return emitOpError("requires the factors' product to be the length of `") << getAxis() << "`";
  return success();
}

LogicalResult JoinOp::verify() {
  auto factors = llvm::to_vector(getFactors().getAsValueRange<StringAttr>());
  if (failed(replaces(*this, typeOf(getOperand()), factors, getType(), {getAxis()})))
    return failure();
  if (product(typeOf(getOperand()), factors) != getType().length(getAxis()))
    return emitOpError("requires the factors' product to be the length of `") << getAxis() << "`";
  return success();
}

LogicalResult ConcatOp::verify() {
  if (getAxes().size() != getOperands().size())
    return emitOpError("requires an axis for each operand");
  SmallVector<Axis> axes;
  int64_t length = 0;
  for (auto [operand, name] : llvm::zip(getOperands(), getAxes().getAsValueRange<StringAttr>())) {
    if (failed(requireAxis(*this, typeOf(operand), name)) ||
        failed(unite(*this, axes, typeOf(operand), namesAttr(getContext(), {name}))))
      return failure();
    length += typeOf(operand).length(name);
  }
  axes.push_back({getAsAttr(), length});
  return sameAxes(*this, getType(), axes);
}
