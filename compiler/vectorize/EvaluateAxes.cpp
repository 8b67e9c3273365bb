// Changes of axes: each op asks for its operand at another point.
#include "compiler/vectorize/Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <numeric>

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static Point with(Point point, StringAttr axis, Index index) {
  point[axis] = index;
  return point;
}

/// The index plus a constant.
static Index shifted(Emission &e, Index index, int64_t by) {
  if (by == 0)
    return index;
  if (index.kind == Index::Vector)
    index.value = resized(e, index.value, 64); // the sum might not fit in 32 bits
  index.value = arith::AddIOp::create(e, index.value, e.constantInt(index.value.getType(), by));
  index.multiple = std::gcd(index.multiple, by);
  return index;
}

/// Whether 0 <= index < length, unsigned arithmetic testing both at once.
static Value inside(Emission &e, Value numbers, int64_t length) {
  return arith::CmpIOp::create(e, arith::CmpIPredicate::ult, numbers, e.constantInt(numbers.getType(), length));
}

static Value both(Emission &e, Value mask, Value condition) {
  return mask ? Value(arith::AndIOp::create(e, mask, condition)) : condition;
}

/// `condition ? yes : no` for any mixture of scalars and vectors, ints of either width.
static Value choose(Emission &e, Value condition, Value yes, Value no) {
  if (isa<IntegerType>(getElementTypeOrSelf(yes)) && yes.getType() != no.getType()) {
    unsigned bits =
        std::max(getElementTypeOrSelf(yes).getIntOrFloatBitWidth(), getElementTypeOrSelf(no).getIntOrFloatBitWidth());
    yes = resized(e, yes, bits);
    no = resized(e, no, bits);
  }
  if (isa<VectorType>(condition.getType()) || yes.getType() != no.getType()) {
    yes = e.splat(yes);
    no = e.splat(no);
  }
  return arith::SelectOp::create(e, condition, yes, no);
}

/// `index` clamped into an axis where only lanes or branches not taken can be outside.
static Index clamped(Emission &e, Index index, Value isInside) {
  index.value = arith::SelectOp::create(e, isInside, index.value, e.i64(0));
  return index;
}

/// The operand at `index` of `axis` if that is inside the axis, else `otherwise`; nothing is loaded outside.
Value Evaluator::evaluatePlaced(Value operand, StringAttr axis, Index index, Value otherwise, const Point &point,
                                Value mask) {
  int64_t length = typeOf(operand).length(axis);
  // Where whole vectors lie inside or outside, one number decides.
  bool whole = index.kind == Index::Lanes && index.multiple % e.lanes == 0 && length % e.lanes == 0;
  if (index.kind == Index::Uniform || whole) {
    Value isInside = inside(e, index.value, length);
    Value value = evaluate(operand, with(point, axis, clamped(e, index, isInside)), mask);
    return choose(e, isInside, value, otherwise);
  }
  Value isInside = inside(e, numbersOf(e, index, false), length);
  index.outside = true;
  Value value = evaluate(operand, with(point, axis, index), both(e, mask, isInside));
  return choose(e, isInside, value, otherwise);
}

/// The index along an axis made of factors, the last varying fastest.
Index Evaluator::joined(ArrayRef<Index> factors, ArrayRef<int64_t> lengths) {
  Index total = factors.front();
  for (auto [index, length] : llvm::zip(factors.drop_front(), lengths.drop_front())) {
    bool simple = total.kind == Index::Uniform && index.kind != Index::Vector;
    Index next;
    next.outside = total.outside || index.outside;
    if (simple) {
      next.kind = index.kind;
      next.multiple = std::gcd(total.multiple * length, index.multiple);
      next.value = e.add(e.mul(total.value, length), index.value);
    } else {
      Value high = e.splat(numbersOf(e, total, false)), low = e.splat(numbersOf(e, index, false));
      next.kind = Index::Vector;
      next.value = arith::AddIOp::create(e, arith::MulIOp::create(e, high, e.constantInt(high.getType(), length)), low);
    }
    total = next;
  }
  return total;
}

/// The indices along the factors of an axis, for an index along the axis.
SmallVector<Index> Evaluator::split(Index index, ArrayRef<int64_t> lengths) {
  SmallVector<Index> factors(lengths.size());
  for (size_t i = lengths.size(); i-- > 0;) {
    int64_t length = lengths[i];
    bool aligned = index.kind == Index::Lanes && length % e.lanes == 0 && index.multiple % e.lanes == 0;
    if (i == 0) {
      factors[i] = index;
    } else if (index.kind == Index::Uniform || aligned) {
      factors[i] = {index.kind, e.rem(index.value, length), std::gcd(index.multiple, length), index.outside};
      index = Index::at(e.div(index.value, length));
      if (factors[i].outside) // a vector whose lanes are all masked may stand before or behind the axis
        index = clamped(
            e, index,
            inside(e, index.value,
                   std::accumulate(lengths.begin(), lengths.begin() + i, int64_t(1), std::multiplies<int64_t>())));
    } else {
      Value numbers = e.splat(numbersOf(e, index, false));
      Value divisor = e.constantInt(numbers.getType(), length);
      factors[i] = {Index::Vector, arith::RemUIOp::create(e, numbers, divisor), 1, index.outside};
      index = {Index::Vector, arith::DivUIOp::create(e, numbers, divisor), 1, index.outside};
    }
  }
  return factors;
}

/// An index that is itself the index along an axis, or one plus or minus something uniform: loads along it stay
/// contiguous.
std::optional<Index> Evaluator::affineIndex(Value value, const Point &point) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto index = dyn_cast<IndexOp>(op))
    return point.find(index.getAxis().name)->second;
  if (auto rename = dyn_cast<RenameOp>(op)) {
    auto from = StringAttr::get(e.getContext(), rename.getFrom()), to = StringAttr::get(e.getContext(), rename.getTo());
    return affineIndex(rename.getOperand(), with(point, from, point.find(to)->second));
  }
  if (!isa<AddOp, SubOp>(op))
    return std::nullopt;
  std::optional<Index> index = affineIndex(op->getOperand(0), point);
  if (!index || index->kind != Index::Lanes)
    return std::nullopt;
  Value other = evaluate(op->getOperand(1), point);
  if (isa<VectorType>(other.getType()))
    return std::nullopt;
  other = resized(e, other, 64);
  Value base = isa<AddOp>(op) ? Value(arith::AddIOp::create(e, index->value, other))
                              : Value(arith::SubIOp::create(e, index->value, other));
  return Index{Index::Lanes, base, 1, true};
}

Index Evaluator::indexFrom(Value value, const Point &point, Value mask) {
  if (std::optional<Index> affine = affineIndex(value, point))
    return *affine;
  Value number = evaluate(value, point, mask);
  if (isa<VectorType>(number.getType()))
    return Index::lanesAt(number);
  return Index::at(resized(e, number, 64));
}

Value Evaluator::evaluateLookup(LookupOp op, const Point &point, Value mask) {
  Point inner = point;
  Value allInside;
  for (auto [name, value] : llvm::zip(op.getAxes().getAsRange<StringAttr>(), op.getIndices())) {
    Index index = indexFrom(value, point, mask);
    StringAttr axis = StringAttr::get(e.getContext(), name.getValue());
    if (op.getOtherwise()) {
      Value isInside = inside(e, resized(e, numbersOf(e, index, false), 64), typeOf(op.getSource()).length(axis));
      if (index.kind == Index::Uniform)
        index = clamped(e, index, isInside);
      else
        mask = both(e, mask, isInside);
      if (allInside && allInside.getType() != isInside.getType()) {
        allInside = e.splat(allInside);
        isInside = e.splat(isInside);
      }
      allInside = both(e, allInside, isInside);
    }
    inner[axis] = index;
  }
  Value value = evaluate(op.getSource(), inner, mask);
  if (!op.getOtherwise())
    return value;
  Value otherwise = e.constant(getElementTypeOrSelf(value), op.getOtherwise()->convertToDouble());
  return choose(e, allInside, value, otherwise);
}

static SmallVector<StringAttr> axisNames(Emission &e, ArrayAttr names) {
  SmallVector<StringAttr> axes;
  for (StringRef name : names.getAsValueRange<StringAttr>())
    axes.push_back(StringAttr::get(e.getContext(), name));
  return axes;
}

static SmallVector<int64_t> lengthsOf(NamedTensorType type, ArrayRef<StringAttr> axes) {
  return llvm::map_to_vector(axes, [&](StringAttr axis) { return type.length(axis); });
}

Value Evaluator::evaluateAxes(Operation *op, const Point &point, Value mask) {
  auto name = [&](StringRef text) { return StringAttr::get(e.getContext(), text); };
  auto at = [&](StringRef axis) { return point.find(name(axis))->second; };
  auto zero = [&](Value like) {
    NamedTensorType type = typeOf(like);
    return e.constant(type.isFloat() ? Type(real) : type.isBool() ? Type(e.getI1Type()) : Type(e.getI32Type()), 0);
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](IndexOp index) { return numbersOf(e, at(index.getAxis().name), ranges.of(index).fits32()); })
      .Case([&](BroadcastOp broadcast) { return evaluate(broadcast.getOperand(), point, mask); })
      .Case([&](RenameOp rename) {
        return evaluate(rename.getOperand(), with(point, name(rename.getFrom()), at(rename.getTo())), mask);
      })
      .Case([&](SliceOp slice) {
        Index index = shifted(e, at(slice.getAs()), slice.getOffset());
        return evaluate(slice.getOperand(), with(point, name(slice.getAxis()), index), mask);
      })
      .Case([&](PadOp pad) {
        Index index = shifted(e, at(pad.getAs()), -static_cast<int64_t>(pad.getOffset()));
        return evaluatePlaced(pad.getOperand(), name(pad.getAxis()), index, zero(pad), point, mask);
      })
      .Case([&](ConcatOp concat) {
        Value result = zero(concat);
        int64_t offset = 0;
        for (auto [operand, axis] : llvm::zip(concat.getOperands(), axisNames(e, concat.getAxes()))) {
          result = evaluatePlaced(operand, axis, shifted(e, at(concat.getAs()), -offset), result, point, mask);
          offset += typeOf(operand).length(axis);
        }
        return result;
      })
      .Case([&](SplitOp splitOp) {
        SmallVector<StringAttr> axes = axisNames(e, splitOp.getFactors());
        SmallVector<Index> factors = llvm::map_to_vector(axes, [&](StringAttr axis) { return at(axis); });
        Index index = joined(factors, lengthsOf(splitOp.getType(), axes));
        return evaluate(splitOp.getOperand(), with(point, name(splitOp.getAxis()), index), mask);
      })
      .Case([&](JoinOp join) {
        SmallVector<StringAttr> axes = axisNames(e, join.getFactors());
        Point inner = point;
        for (auto [axis, index] :
             llvm::zip(axes, split(at(join.getAxis()), lengthsOf(typeOf(join.getOperand()), axes))))
          inner[axis] = index;
        return evaluate(join.getOperand(), inner, mask);
      })
      .Case([&](LookupOp lookup) { return evaluateLookup(lookup, point, mask); })
      .Default([&](Operation *other) { return fail(other); });
}
