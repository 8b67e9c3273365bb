// Ops that remove, add, rename or rearrange axes.
#include "compiler/interpret/Evaluate.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::interpret;

static void copyElement(Tensor &to, int64_t there, const Tensor &from, int64_t here) {
  if (to.type.isFloat())
    to.floats[there] = from.floats[here];
  else
    to.ints[there] = from.ints[here];
}

/// The axes of `type` named in `names`, in the order of the names.
static SmallVector<Axis> axesNamed(NamedTensorType type, ArrayAttr names) {
  SmallVector<Axis> axes;
  for (StringRef name : names.getAsValueRange<StringAttr>())
    axes.push_back(type.getAxes()[type.find(name)]);
  return axes;
}

/// The offsets, within a tensor of `type`, of every point of `space`: the inner loop of a reduction.
static std::vector<int64_t> offsetsOf(ArrayRef<Axis> space, NamedTensorType type) {
  std::vector<int64_t> offsets;
  walk(space, {stridesIn(space, type)}, [&](ArrayRef<int64_t> at) { offsets.push_back(at[0]); });
  return offsets;
}

static TensorRef dot(DotOp op, const Tensor &lhs, const Tensor &rhs) {
  auto result = std::make_shared<Tensor>(op.getType());
  SmallVector<Axis> over = axesNamed(lhs.type, op.getOver());
  std::vector<int64_t> inLeft = offsetsOf(over, lhs.type), inRight = offsetsOf(over, rhs.type);
  ArrayRef<Axis> space = op.getType().getAxes();
  double *out = result->floats.data();
  walk(space, {stridesIn(space, lhs.type), stridesIn(space, rhs.type)}, [&](ArrayRef<int64_t> at) {
    const double *left = &lhs.floats[at[0]], *right = &rhs.floats[at[1]];
    double sum = 0;
    for (size_t i = 0; i < inLeft.size(); ++i)
      sum += left[inLeft[i]] * right[inRight[i]];
    *out++ = sum;
  });
  return result;
}

template <typename T>
static T reduceElements(ReductionKind kind, const T *values, const std::vector<int64_t> &offsets) {
  T result = kind == ReductionKind::sum ? T(0) : values[offsets[0]];
  for (int64_t offset : offsets) {
    T value = values[offset];
    if (kind == ReductionKind::sum)
      result += value;
    else if (value != value || (kind == ReductionKind::max ? value > result : value < result))
      result = value;
  }
  return result;
}

static TensorRef reduce(ReduceOp op, const Tensor &operand) {
  auto result = std::make_shared<Tensor>(op.getType());
  std::vector<int64_t> offsets = offsetsOf(axesNamed(operand.type, op.getOver()), operand.type);
  int64_t next = 0;
  walk(op.getType().getAxes(), {stridesIn(op.getType().getAxes(), operand.type)}, [&](ArrayRef<int64_t> at) {
    if (operand.type.isFloat())
      result->floats[next++] = reduceElements(op.getKind(), &operand.floats[at[0]], offsets);
    else
      result->ints[next++] = reduceElements(op.getKind(), &operand.ints[at[0]], offsets);
  });
  return result;
}

static TensorRef cumsum(CumSumOp op, const Tensor &operand) {
  auto result = std::make_shared<Tensor>(operand.type);
  int64_t length = operand.type.length(op.getOver()), stride = strideOf(operand.type, op.getOver());
  auto run = [&](auto &out, const auto &in, int64_t start) {
    typename std::decay_t<decltype(out)>::value_type sum = 0;
    for (int64_t i = 0; i < length; ++i) {
      int64_t at = start + stride * (op.getReverse() ? length - 1 - i : i);
      out[at] = sum += in[at];
    }
  };
  SmallVector<Axis> others(operand.type.without(namesAttr(op.getContext(), {op.getOver()})).getAxes());
  walk(others, {stridesIn(others, operand.type)}, [&](ArrayRef<int64_t> at) {
    if (operand.type.isFloat())
      run(result->floats, operand.floats, at[0]);
    else
      run(result->ints, operand.ints, at[0]);
  });
  return result;
}

/// Copies every element of `operand` to the place in `result` where the axes of the same names say, but along `axis`
/// of the operand steps `stride` elements of the result, from `offset` on.
static void place(Tensor &result, const Tensor &operand, StringRef axis, int64_t stride, int64_t offset) {
  ArrayRef<Axis> space = operand.type.getAxes();
  Strides there = stridesIn(space, result.type);
  there[operand.type.find(axis)] = stride;
  walk(space, {stridesIn(space, operand.type), there},
       [&](ArrayRef<int64_t> at) { copyElement(result, at[1] + offset, operand, at[0]); });
}

/// As `place`, read the other way: along `axis` of the result steps `stride` elements of the operand.
static void take(Tensor &result, const Tensor &operand, StringRef axis, int64_t stride, int64_t offset) {
  ArrayRef<Axis> space = result.type.getAxes();
  Strides here = stridesIn(space, operand.type);
  here[result.type.find(axis)] = stride;
  walk(space, {stridesIn(space, result.type), here},
       [&](ArrayRef<int64_t> at) { copyElement(result, at[0], operand, at[1] + offset); });
}

static TensorRef concat(ConcatOp op, ArrayRef<TensorRef> operands) {
  auto result = std::make_shared<Tensor>(op.getType());
  int64_t stride = strideOf(op.getType(), op.getAs()), offset = 0;
  auto names = llvm::to_vector(op.getAxes().getAsValueRange<StringAttr>());
  for (auto [operand, name] : llvm::zip(operands, names)) {
    // A result's axis that this operand does not have repeats the operand.
    SmallVector<Axis> space(operand->type.getAxes());
    for (const Axis &axis : op.getType().getAxes())
      if (axis.name != op.getAs() && !operand->type.has(axis.name))
        space.push_back(axis);
    Strides there = stridesIn(space, result->type);
    there[operand->type.find(name)] = stride;
    walk(space, {stridesIn(space, operand->type), there},
         [&](ArrayRef<int64_t> at) { copyElement(*result, at[1] + offset * stride, *operand, at[0]); });
    offset += operand->type.length(name);
  }
  return result;
}

/// Split and join: a factor steps the product of the factors after it along the whole axis.
static TensorRef refactor(NamedTensorType type, const Tensor &operand, ArrayAttr factors, StringRef axis, bool splits) {
  auto result = std::make_shared<Tensor>(type);
  NamedTensorType factored = splits ? type : operand.type, whole = splits ? operand.type : type;
  ArrayRef<Axis> space = factored.getAxes();
  Strides inWhole = stridesIn(space, whole);
  int64_t stride = strideOf(whole, axis);
  for (Attribute factor : llvm::reverse(factors.getValue())) {
    int64_t position = factored.find(cast<StringAttr>(factor).getValue());
    inWhole[position] = stride;
    stride *= space[position].length;
  }
  walk(space, {stridesIn(space, factored), inWhole},
       [&](ArrayRef<int64_t> at) { copyElement(*result, splits ? at[0] : at[1], operand, splits ? at[1] : at[0]); });
  return result;
}

TensorRef interpret::evaluateAxes(Operation *op, ArrayRef<TensorRef> operands) {
  auto fresh = [&] { return std::make_shared<Tensor>(typeOf(op->getResult(0))); };
  return TypeSwitch<Operation *, TensorRef>(op)
      .Case<DotOp>([&](DotOp dotOp) { return dot(dotOp, *operands[0], *operands[1]); })
      .Case<ReduceOp>([&](ReduceOp reduction) { return reduce(reduction, *operands[0]); })
      .Case<CumSumOp>([&](CumSumOp sum) { return cumsum(sum, *operands[0]); })
      .Case<ConcatOp>([&](ConcatOp concatenation) { return concat(concatenation, operands); })
      .Case<BroadcastOp>([&](BroadcastOp broadcast) {
        auto result = fresh();
        ArrayRef<Axis> space = result->type.getAxes();
        walk(space, {stridesIn(space, result->type), stridesIn(space, operands[0]->type)},
             [&](ArrayRef<int64_t> at) { copyElement(*result, at[0], *operands[0], at[1]); });
        return result;
      })
      .Case<RenameOp>([&](RenameOp rename) {
        auto result = fresh();
        take(*result, *operands[0], rename.getTo(), strideOf(operands[0]->type, rename.getFrom()), 0);
        return result;
      })
      .Case<SliceOp>([&](SliceOp slice) {
        auto result = fresh();
        int64_t stride = strideOf(operands[0]->type, slice.getAxis());
        take(*result, *operands[0], slice.getAs(), stride, stride * slice.getOffset());
        return result;
      })
      .Case<PadOp>([&](PadOp pad) {
        auto result = fresh();
        int64_t stride = strideOf(result->type, pad.getAs());
        place(*result, *operands[0], pad.getAxis(), stride, stride * pad.getOffset());
        return result;
      })
      .Case<SplitOp>([&](SplitOp split) {
        return refactor(split.getType(), *operands[0], split.getFactors(), split.getAxis(), true);
      })
      .Case<JoinOp>(
          [&](JoinOp join) { return refactor(join.getType(), *operands[0], join.getFactors(), join.getAxis(), false); })
      .Default([](Operation *) { return nullptr; });
}
