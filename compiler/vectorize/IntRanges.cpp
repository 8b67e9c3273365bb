// Bounds of ints, from constants, lengths of axes and arithmetic on them.
#include "compiler/vectorize/IntRanges.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

IntRange IntRanges::of(Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  IntRange range = compute(value);
  known[value] = range;
  return range;
}

static IntRange unite(IntRange x, IntRange y) { return {std::min(x.low, y.low), std::max(x.high, y.high)}; }

/// Bounds computed in 128 bits; nothing is known of what does not fit in 64.
static IntRange bounded(__int128 low, __int128 high) {
  if (low < INT64_MIN || high > INT64_MAX)
    return {};
  return {static_cast<int64_t>(low), static_cast<int64_t>(high)};
}

static IntRange product(IntRange x, IntRange y) {
  __int128 corners[] = {__int128(x.low) * y.low, __int128(x.low) * y.high, __int128(x.high) * y.low,
                        __int128(x.high) * y.high};
  return bounded(*std::min_element(corners, corners + 4), *std::max_element(corners, corners + 4));
}

/// Rounded down by a positive divisor; the quotient is monotonic.
static IntRange quotient(IntRange x, IntRange y) {
  if (y.low <= 0)
    return {};
  auto floor = [](int64_t a, int64_t b) { return a / b - (a % b < 0); };
  return {std::min(floor(x.low, y.low), floor(x.low, y.high)), std::max(floor(x.high, y.low), floor(x.high, y.high))};
}

static IntRange remainder(IntRange y) {
  if (y.low == INT64_MIN || y.high == INT64_MAX)
    return {};
  return {std::min<int64_t>(0, y.low + 1), std::max<int64_t>(0, y.high - 1)};
}

static IntRange magnitude(IntRange x) {
  if (x.low == INT64_MIN)
    return {};
  return {std::max<int64_t>({0, x.low, -x.high}), std::max(-x.low, x.high)};
}

/// The range of a reduction: `count` elements summed, or one of them.
static IntRange reduced(ReduceOp op, IntRange x) {
  if (op.getKind() != ReductionKind::sum)
    return x;
  int64_t result = std::max<int64_t>(1, typeOf(op.getResult()).getNumElements());
  int64_t count = typeOf(op.getOperand()).getNumElements() / result;
  return bounded(__int128(x.low) * count, __int128(x.high) * count);
}

IntRange IntRanges::compute(Value value) {
  if (typeOf(value).isBool())
    return {0, 1};
  Operation *op = value.getDefiningOp();
  if (!typeOf(value).isInt() || !op)
    return {};
  auto operand = [&](unsigned i) { return of(op->getOperand(i)); };
  return llvm::TypeSwitch<Operation *, IntRange>(op)
      .Case([&](ConstantOp c) -> IntRange {
        int64_t number = cast<IntegerAttr>(c.getValue()).getInt();
        return {number, number};
      })
      .Case([&](IndexOp index) -> IntRange { return {0, index.getAxis().length - 1}; })
      .Case([&](AddOp) {
        return bounded(__int128(operand(0).low) + operand(1).low, __int128(operand(0).high) + operand(1).high);
      })
      .Case([&](SubOp) {
        return bounded(__int128(operand(0).low) - operand(1).high, __int128(operand(0).high) - operand(1).low);
      })
      .Case([&](NegOp) { return bounded(-__int128(operand(0).high), -__int128(operand(0).low)); })
      .Case([&](AbsOp) { return magnitude(operand(0)); })
      .Case([&](MulOp) { return product(operand(0), operand(1)); })
      .Case([&](FloorDivOp) { return quotient(operand(0), operand(1)); })
      .Case([&](ModOp) { return remainder(operand(1)); })
      .Case([&](MaxOp) -> IntRange {
        return {std::max(operand(0).low, operand(1).low), std::max(operand(0).high, operand(1).high)};
      })
      .Case([&](MinOp) -> IntRange {
        return {std::min(operand(0).low, operand(1).low), std::min(operand(0).high, operand(1).high)};
      })
      .Case([&](SelectOp) { return unite(operand(1), operand(2)); })
      .Case([&](ToIntOp toInt) { return typeOf(toInt.getOperand()).isFloat() ? IntRange() : operand(0); })
      .Case<RenameOp, SliceOp, SplitOp, JoinOp, BroadcastOp>([&](Operation *) { return operand(0); })
      .Case([&](PadOp) { return unite(operand(0), {0, 0}); })
      .Case([&](ConcatOp concat) {
        IntRange range = operand(0);
        for (Value part : concat.getOperands())
          range = unite(range, of(part));
        return range;
      })
      .Case([&](ReduceOp reduce) { return reduced(reduce, operand(0)); })
      .Default([](Operation *) { return IntRange(); });
}
