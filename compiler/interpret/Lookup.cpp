// Lookup, scatter and top: ops whose places are values.
#include "compiler/interpret/Evaluate.h"

#include <numeric>

using namespace mlir;
using namespace kinu;
using namespace kinu::interpret;

namespace {
/// The axes that indices replace, with their lengths and strides in the tensor that has them.
struct Indexed {
  SmallVector<int64_t> lengths, strides;

  Indexed(NamedTensorType type, ArrayAttr axes) {
    for (StringRef name : axes.getAsValueRange<StringAttr>()) {
      lengths.push_back(type.length(name));
      strides.push_back(strideOf(type, name));
    }
  }
  /// The offset that the indices at a point say, or nothing where one is out of range.
  std::optional<int64_t> offset(ArrayRef<TensorRef> indices, ArrayRef<int64_t> at) const {
    int64_t offset = 0;
    for (auto [i, index] : llvm::enumerate(indices)) {
      int64_t value = index->ints[at[i]];
      if (value < 0 || value >= lengths[i])
        return std::nullopt;
      offset += value * strides[i];
    }
    return offset;
  }
};
} // namespace

/// The strides, in `space`, of every tensor of `tensors`.
static SmallVector<Strides> stridesOf(ArrayRef<Axis> space, ArrayRef<TensorRef> tensors) {
  SmallVector<Strides> strides;
  for (const TensorRef &tensor : tensors)
    strides.push_back(stridesIn(space, tensor->type));
  return strides;
}

static TensorRef lookup(LookupOp op, ArrayRef<TensorRef> operands, std::string &fault) {
  const Tensor &source = *operands[0];
  auto result = std::make_shared<Tensor>(op.getType());
  Indexed indexed(source.type, op.getAxes());
  ArrayRef<Axis> space = op.getType().getAxes();
  SmallVector<Strides> strides = stridesOf(space, operands);
  strides[0] = stridesIn(space, source.type, op.getAxes());
  double otherwise = op.getOtherwise() ? op.getOtherwise()->convertToDouble() : 0.0;
  int64_t next = 0;
  walk(space, strides, [&](ArrayRef<int64_t> at) {
    std::optional<int64_t> offset = indexed.offset(operands.drop_front(), at.drop_front());
    if (!offset && !op.getOtherwise())
      fault = "an index of kinu.lookup is out of range";
    if (source.type.isFloat())
      result->floats[next++] = offset ? source.floats[at[0] + *offset] : otherwise;
    else
      result->ints[next++] = offset ? source.ints[at[0] + *offset] : static_cast<int64_t>(otherwise);
  });
  return result;
}

static TensorRef scatter(ScatterOp op, ArrayRef<TensorRef> operands, std::string &fault) {
  auto result = std::make_shared<Tensor>(op.getType());
  Indexed indexed(op.getType(), op.getAxes());
  SmallVector<Value> values(op->getOperands());
  SmallVector<Axis> space(joinTypes(values).getAxes());
  // An axis of the result that neither the operand nor an index has cannot be: the verifier unites exactly these.
  SmallVector<Strides> strides = stridesOf(space, operands);
  strides.push_back(stridesIn(space, op.getType(), op.getAxes()));
  walk(space, strides, [&](ArrayRef<int64_t> at) {
    std::optional<int64_t> offset = indexed.offset(operands.drop_front(), at.drop_front().drop_back());
    if (!offset && !op.getDrop())
      fault = "an index of kinu.scatter is out of range";
    if (!offset)
      return;
    if (result->type.isFloat())
      result->floats[at.back() + *offset] += operands[0]->floats[at[0]];
    else
      result->ints[at.back() + *offset] += operands[0]->ints[at[0]];
  });
  return result;
}

static TensorRef top(TopOp op, const Tensor &operand) {
  auto result = std::make_shared<Tensor>(op.getType());
  int64_t stride = strideOf(operand.type, op.getOver()), resultStride = strideOf(op.getType(), op.getAs());
  std::vector<int64_t> order(operand.type.length(op.getOver()));
  SmallVector<Axis> space(operand.type.without(namesAttr(op.getContext(), {op.getOver()})).getAxes());
  walk(space, {stridesIn(space, operand.type), stridesIn(space, op.getType())}, [&](ArrayRef<int64_t> at) {
    std::iota(order.begin(), order.end(), 0);
    llvm::sort(order, [&](int64_t a, int64_t b) {
      double x = operand.floats[at[0] + a * stride], y = operand.floats[at[0] + b * stride];
      return x != y ? x > y : a < b;
    });
    for (int64_t i = 0; i < op.getType().length(op.getAs()); ++i)
      result->ints[at[1] + i * resultStride] = order[i];
  });
  return result;
}

TensorRef interpret::evaluateLookup(Operation *op, ArrayRef<TensorRef> operands, std::string &fault) {
  return TypeSwitch<Operation *, TensorRef>(op)
      .Case<LookupOp>([&](LookupOp lookupOp) { return lookup(lookupOp, operands, fault); })
      .Case<ScatterOp>([&](ScatterOp scatterOp) { return scatter(scatterOp, operands, fault); })
      .Case<TopOp>([&](TopOp topOp) { return top(topOp, *operands[0]); })
      .Default([](Operation *) { return nullptr; });
}
