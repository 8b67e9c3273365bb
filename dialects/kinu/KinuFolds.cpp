// Folds: what needs no computing. Only identities that hold for every float, NaN and infinity included.
#include "dialects/kinu/Kinu.h"

#include <cmath>

using namespace mlir;
using namespace kinu;

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

static std::optional<double> number(Attribute value) {
  if (auto real = dyn_cast_or_null<FloatAttr>(value))
    return real.getValueAsDouble();
  return std::nullopt;
}

static std::optional<int64_t> integer(Attribute value) {
  if (auto whole = dyn_cast_or_null<IntegerAttr>(value))
    return whole.getType().isInteger(1) ? static_cast<int64_t>(whole.getValue().getBoolValue()) : whole.getInt();
  return std::nullopt;
}

/// Folds an op on one constant float by computing it in double.
static OpFoldResult foldUnary(Attribute operand, double (*compute)(double)) {
  if (std::optional<double> x = number(operand))
    return Builder(operand.getContext()).getF64FloatAttr(compute(*x));
  return {};
}

OpFoldResult AbsOp::fold(FoldAdaptor adaptor) { return foldUnary(adaptor.getOperand(), std::fabs); }
OpFoldResult ExpOp::fold(FoldAdaptor adaptor) { return foldUnary(adaptor.getOperand(), std::exp); }
OpFoldResult LogOp::fold(FoldAdaptor adaptor) { return foldUnary(adaptor.getOperand(), std::log); }
OpFoldResult SqrtOp::fold(FoldAdaptor adaptor) { return foldUnary(adaptor.getOperand(), std::sqrt); }
OpFoldResult TanhOp::fold(FoldAdaptor adaptor) { return foldUnary(adaptor.getOperand(), std::tanh); }
OpFoldResult ErfOp::fold(FoldAdaptor adaptor) { return foldUnary(adaptor.getOperand(), std::erf); }
OpFoldResult SinOp::fold(FoldAdaptor adaptor) { return foldUnary(adaptor.getOperand(), std::sin); }
OpFoldResult CosOp::fold(FoldAdaptor adaptor) { return foldUnary(adaptor.getOperand(), std::cos); }

OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  // A 16-bit number survives a longer format.
  auto inner = getOperand().getDefiningOp<CastOp>();
  if (inner && inner.getOperand().getType() == getType() && typeOf(getOperand()).getElement().isF32())
    return inner.getOperand();
  return {};
}

OpFoldResult NegOp::fold(FoldAdaptor adaptor) {
  if (auto inner = getOperand().getDefiningOp<NegOp>())
    return inner.getOperand();
  return foldUnary(adaptor.getOperand(), [](double x) { return -x; });
}

OpFoldResult NotOp::fold(FoldAdaptor) {
  if (auto inner = getOperand().getDefiningOp<NotOp>())
    return inner.getOperand();
  return {};
}

OpFoldResult ToFloatOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  if (std::optional<int64_t> x = integer(adaptor.getOperand()))
    return Builder(getContext()).getF64FloatAttr(static_cast<double>(*x));
  return {};
}

OpFoldResult ToIntOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  std::optional<double> x = number(adaptor.getOperand());
  if (x && std::fabs(*x) < 0x1p62)
    return Builder(getContext()).getI64IntegerAttr(static_cast<int64_t>(std::floor(*x)));
  return {};
}

/// Folds two constants; ints only where the result fits.
static OpFoldResult foldBinary(Attribute lhs, Attribute rhs, double (*real)(double, double),
                               bool (*whole)(int64_t, int64_t, int64_t *)) {
  if (!lhs || !rhs)
    return {};
  Builder builder(lhs.getContext());
  if (auto x = number(lhs), y = number(rhs); x && y && real)
    return builder.getF64FloatAttr(real(*x, *y));
  int64_t result;
  if (auto x = integer(lhs), y = integer(rhs); x && y && whole && whole(*x, *y, &result))
    return builder.getI64IntegerAttr(result);
  return {};
}

/// Whether a float constant is `value`.
static bool is(Attribute attribute, double value) {
  std::optional<double> x = number(attribute);
  return x && *x == value;
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  if (getLhs().getType() == getType() && is(adaptor.getRhs(), 0.0) && std::signbit(*number(adaptor.getRhs())))
    return getLhs();
  return foldBinary(
      adaptor.getLhs(), adaptor.getRhs(), [](double x, double y) { return x + y; },
      [](int64_t x, int64_t y, int64_t *r) { return !__builtin_add_overflow(x, y, r); });
}

OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  if (getLhs().getType() == getType() && is(adaptor.getRhs(), 0.0) && !std::signbit(*number(adaptor.getRhs())))
    return getLhs();
  return foldBinary(
      adaptor.getLhs(), adaptor.getRhs(), [](double x, double y) { return x - y; },
      [](int64_t x, int64_t y, int64_t *r) { return !__builtin_sub_overflow(x, y, r); });
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (getLhs().getType() == getType() && is(adaptor.getRhs(), 1.0))
    return getLhs();
  if (getRhs().getType() == getType() && is(adaptor.getLhs(), 1.0))
    return getRhs();
  return foldBinary(
      adaptor.getLhs(), adaptor.getRhs(), [](double x, double y) { return x * y; },
      [](int64_t x, int64_t y, int64_t *r) { return !__builtin_mul_overflow(x, y, r); });
}

OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  if (getLhs().getType() == getType() && is(adaptor.getRhs(), 1.0))
    return getLhs();
  return foldBinary(adaptor.getLhs(), adaptor.getRhs(), [](double x, double y) { return x / y; }, nullptr);
}

OpFoldResult FloorDivOp::fold(FoldAdaptor adaptor) {
  return foldBinary(adaptor.getLhs(), adaptor.getRhs(), nullptr, [](int64_t x, int64_t y, int64_t *r) {
    if (y == 0 || (x == INT64_MIN && y == -1))
      return false;
    *r = x / y - ((x % y != 0) && ((x < 0) != (y < 0)));
    return true;
  });
}

OpFoldResult ModOp::fold(FoldAdaptor adaptor) {
  return foldBinary(adaptor.getLhs(), adaptor.getRhs(), nullptr, [](int64_t x, int64_t y, int64_t *r) {
    if (y == 0 || y == -1)
      return false;
    *r = x % y + ((x % y != 0) && ((x < 0) != (y < 0)) ? y : 0);
    return true;
  });
}

OpFoldResult PowOp::fold(FoldAdaptor adaptor) {
  if (getLhs().getType() == getType() && is(adaptor.getRhs(), 1.0))
    return getLhs();
  return foldBinary(adaptor.getLhs(), adaptor.getRhs(), [](double x, double y) { return std::pow(x, y); }, nullptr);
}

OpFoldResult MaxOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return getLhs();
  return foldBinary(adaptor.getLhs(), adaptor.getRhs(), nullptr, [](int64_t x, int64_t y, int64_t *r) {
    *r = std::max(x, y);
    return true;
  });
}

OpFoldResult MinOp::fold(FoldAdaptor adaptor) {
  if (getLhs() == getRhs())
    return getLhs();
  return foldBinary(adaptor.getLhs(), adaptor.getRhs(), nullptr, [](int64_t x, int64_t y, int64_t *r) {
    *r = std::min(x, y);
    return true;
  });
}

OpFoldResult AndOp::fold(FoldAdaptor) { return getLhs() == getRhs() ? OpFoldResult(getLhs()) : OpFoldResult(); }
OpFoldResult OrOp::fold(FoldAdaptor) { return getLhs() == getRhs() ? OpFoldResult(getLhs()) : OpFoldResult(); }

OpFoldResult ChainOp::fold(FoldAdaptor adaptor) {
  return getLhs().getType() == getType() && is(adaptor.getRhs(), 1.0) ? OpFoldResult(getLhs()) : OpFoldResult();
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  if (getYes() == getNo() && getYes().getType() == getType())
    return getYes();
  std::optional<int64_t> condition = integer(adaptor.getCondition());
  if (!condition)
    return {};
  Value chosen = *condition ? getYes() : getNo();
  return chosen.getType() == getType() ? OpFoldResult(chosen) : OpFoldResult();
}

OpFoldResult ReduceOp::fold(FoldAdaptor) { return getOver().empty() ? OpFoldResult(getOperand()) : OpFoldResult(); }

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  return getOperand().getType() == getType() ? OpFoldResult(getOperand()) : OpFoldResult();
}
