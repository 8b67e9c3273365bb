// What each composite op stands for, in plain ops.
#include "dialects/kinu/Composites.h"

#include "mlir/IR/IRMapping.h"

#include <limits>

using namespace mlir;
using namespace kinu;

/// Copies a region's body to the builder's place, its arguments replaced, and returns what it yields.
static SmallVector<Value> inlineRegion(OpBuilder &builder, Region &region, ValueRange arguments) {
  IRMapping mapping;
  mapping.map(region.getArguments(), arguments);
  for (Operation &op : region.front().without_terminator())
    builder.clone(op, mapping);
  SmallVector<Value> results;
  for (Value value : region.front().getTerminator()->getOperands())
    results.push_back(mapping.lookupOrDefault(value));
  return results;
}

static SmallVector<Value> prepend(ArrayRef<Value> front, ValueRange rest) {
  SmallVector<Value> values(front);
  values.append(rest.begin(), rest.end());
  return values;
}

/// exp(x - max) over an axis with its sum and logsumexp; a row of -inf has exponentials 0 and logsumexp 0.
namespace {
struct Exponentials {
  Value exp, sum, logsumexp, alive;
};
} // namespace

static Exponentials exponentials(OpBuilder &b, Location loc, Value x, ArrayAttr over) {
  Value zero = ConstantOp::create(b, loc, 0.0);
  Value lowest = ConstantOp::create(b, loc, -std::numeric_limits<double>::infinity());
  Value max = ReduceOp::create(b, loc, ReductionKind::max, x, over);
  Value alive = CompareOp::create(b, loc, ComparePredicate::gt, max, lowest);
  Value shift = SelectOp::create(b, loc, alive, max, zero);
  Value exp = ExpOp::create(b, loc, x.getType(), SubOp::create(b, loc, x, shift));
  Value sum = ReduceOp::create(b, loc, ReductionKind::sum, exp, over);
  Value one = ConstantOp::create(b, loc, 1.0);
  Value safe = SelectOp::create(b, loc, alive, sum, one);
  Value logsumexp = AddOp::create(b, loc, LogOp::create(b, loc, safe.getType(), safe), shift);
  return {exp, safe, logsumexp, alive};
}

/// The value with elements of this type: itself, or a cast of it.
static Value inElement(OpBuilder &b, Location loc, Value value, Type element) {
  return typeOf(value).getElement() == element ? value : CastOp::create(b, loc, value, element).getResult();
}
static Value inFp32(OpBuilder &b, Value value) { return inElement(b, value.getLoc(), value, b.getF32Type()); }
/// The value in the element type of `like`, and under exactly its type: the axes are the same already.
static Value typed(OpBuilder &b, Value value, Type like) {
  auto type = cast<NamedTensorType>(like);
  if (typeOf(value).getElement() != type.getElement())
    return CastOp::create(b, value.getLoc(), type, value);
  value.setType(type);
  return value;
}

/// A product in fp32 of operands that may have 16 bits; `lhs` is rounded to what `rhs` has.
static Value product(OpBuilder &b, Location loc, Value lhs, Value rhs, ArrayAttr over, IntegerAttr promote) {
  NamedTensorType type = joinTypes({lhs, rhs}).without(over).withElement(b.getF32Type());
  return DotOp::create(b, loc, type, inElement(b, loc, lhs, typeOf(rhs).getElement()), rhs, over, promote);
}

/// Sums a gradient over the axes that the value it belongs to does not have.
static Value sumTo(OpBuilder &b, Location loc, Value gradient, Value value) {
  SmallVector<Attribute> over;
  for (const Axis &axis : typeOf(gradient).getAxes())
    if (!typeOf(value).has(axis.name))
      over.push_back(axis.name);
  if (over.empty())
    return gradient;
  return ReduceOp::create(b, loc, ReductionKind::sum, gradient, b.getArrayAttr(over));
}

/// dot(gradient, other) over every axis of theirs that `value` does not have: one operand's gradient of a dot.
static Value dotTo(OpBuilder &b, Location loc, Value gradient, Value other, Value value, IntegerAttr promote) {
  SmallVector<Attribute> over;
  for (const Axis &axis : typeOf(gradient).getAxes())
    if (!typeOf(value).has(axis.name) && typeOf(other).has(axis.name))
      over.push_back(axis.name);
  return sumTo(b, loc, product(b, loc, gradient, other, b.getArrayAttr(over), promote), value);
}

SmallVector<Value> AttentionOp::expand(OpBuilder &b) {
  Location loc = getLoc();
  ArrayAttr key = ArrayAttr::get(getContext(), {getKeyAttr()});
  Value raw = product(b, loc, getQ(), getK(), getSum(), getPromoteAttr());
  Value score = inlineRegion(b, getScore(), prepend({raw}, getExtras()))[0];
  Exponentials e = exponentials(b, loc, score, key);
  Value p = inElement(b, loc, DivOp::create(b, loc, e.exp, e.sum), typeOf(getV()).getElement());
  Value result = DotOp::create(b, loc, getResult().getType(), p, getV(), key, getPromoteAttr());
  Value logsumexp = e.logsumexp;
  if ((*this)->hasAttr(kSomeKeys)) {
    Value lowest = ConstantOp::create(b, loc, -std::numeric_limits<double>::infinity());
    logsumexp = SelectOp::create(b, loc, e.alive, logsumexp, lowest);
  }
  return {result, logsumexp};
}

SmallVector<Value> AttentionBackwardOp::expand(OpBuilder &b) {
  Location loc = getLoc();
  IntegerAttr promote = getPromoteAttr();
  Value raw = product(b, loc, getQ(), getK(), getSum(), promote);
  Value score = inlineRegion(b, getScore(), prepend({raw}, getExtras()))[0];
  Value p = ExpOp::create(b, loc, score.getType(), SubOp::create(b, loc, score, getLogsumexp()));
  SmallVector<Attribute> valueAxes;
  for (const Axis &axis : typeOf(getV()).getAxes())
    if (!typeOf(p).has(axis.name))
      valueAxes.push_back(axis.name);
  ArrayAttr over = b.getArrayAttr(valueAxes);
  Value products = MulOp::create(b, loc, inFp32(b, getGradient()), inFp32(b, getResult()));
  Value delta = ReduceOp::create(b, loc, ReductionKind::sum, products, over);
  Value dp = typed(b, product(b, loc, getGradient(), getV(), over, promote), p.getType());
  Value dt = MulOp::create(b, loc, p, SubOp::create(b, loc, dp, delta));
  Value ds = inlineRegion(b, getScoreBackward(), prepend({raw, dt}, getExtras()))[0];
  return {typed(b, dotTo(b, loc, ds, getK(), getQ(), promote), getDq().getType()),
          typed(b, dotTo(b, loc, ds, getQ(), getK(), promote), getDk().getType()),
          typed(b, dotTo(b, loc, p, getGradient(), getV(), promote), getDv().getType())};
}

SmallVector<Value> LinearCrossEntropyOp::expand(OpBuilder &b) {
  Location loc = getLoc();
  ArrayAttr over = ArrayAttr::get(getContext(), {getOverAttr()});
  Value z = product(b, loc, getHidden(), getWeight(), getSum(), getPromoteAttr());
  Value t = inlineRegion(b, getLogit(), prepend({z}, getExtras()))[0];
  Exponentials e = exponentials(b, loc, t, over);
  Value chosen = LookupOp::create(b, loc, getResult().getType(), t, over, ValueRange{getTarget()}, FloatAttr());
  return {SubOp::create(b, loc, getResult().getType(), e.logsumexp, chosen), e.logsumexp};
}

SmallVector<Value> LinearCrossEntropyBackwardOp::expand(OpBuilder &b) {
  Location loc = getLoc();
  Value z = product(b, loc, getHidden(), getWeight(), getSum(), getPromoteAttr());
  Value t = inlineRegion(b, getLogit(), prepend({z}, getExtras()))[0];
  Axis axis = typeOf(getWeight()).getAxes()[typeOf(getWeight()).find(getOver())];
  Value index = IndexOp::create(b, loc, NamedTensorType::get(getContext(), {axis}, b.getI64Type()));
  Value hit = CompareOp::create(b, loc, ComparePredicate::eq, getTarget(), index);
  Value p = ExpOp::create(b, loc, t.getType(), SubOp::create(b, loc, t, getLogsumexp()));
  Value less = SelectOp::create(b, loc, hit, ConstantOp::create(b, loc, 1.0), ConstantOp::create(b, loc, 0.0));
  Value dt = ChainOp::create(b, loc, t.getType(), getGradient(), SubOp::create(b, loc, p, less));
  Value dz = inlineRegion(b, getLogitBackward(), prepend({z, dt}, getExtras()))[0];
  return {typed(b, dotTo(b, loc, dz, getWeight(), getHidden(), getPromoteAttr()), getDhidden().getType()),
          typed(b, dotTo(b, loc, dz, getHidden(), getWeight(), getPromoteAttr()), getDweight().getType())};
}

SmallVector<Value> NormOp::expand(OpBuilder &b) { return inlineRegion(b, getBody(), getOperands()); }

SmallVector<Value> NormBackwardOp::expand(OpBuilder &b) { return inlineRegion(b, getBody(), getOperands()); }

int64_t kinu::expandComposites(Operation *root, llvm::function_ref<bool(Operation *)> which) {
  int64_t count = 0;
  SmallVector<CompositeOpInterface> found;
  do {
    found.clear();
    root->walk<WalkOrder::PreOrder>([&](CompositeOpInterface op) {
      if (which(op))
        found.push_back(op);
      return WalkResult::skip(); // what is inside comes out with the definition
    });
    for (CompositeOpInterface op : found) {
      OpBuilder builder(op);
      op->replaceAllUsesWith(op.expand(builder));
      op->erase();
    }
    count += found.size();
  } while (!found.empty());
  return count;
}
