// Elementwise ops: operands join by name, in double and int64.
#include "compiler/interpret/Evaluate.h"

#include <cmath>

using namespace mlir;
using namespace kinu;
using namespace kinu::interpret;

template <typename T> static const std::vector<T> &elements(const Tensor &tensor) {
  if constexpr (std::is_same_v<T, double>)
    return tensor.floats;
  else
    return tensor.ints;
}

template <typename T> static std::vector<T> &elements(Tensor &tensor) {
  return const_cast<std::vector<T> &>(elements<T>(std::as_const(tensor)));
}

/// result = compute(x) everywhere; `X` and `R` say whether floats or ints come in and go out.
template <typename X, typename R, typename F>
static TensorRef mapOne(NamedTensorType type, const Tensor &x, F compute) {
  auto result = std::make_shared<Tensor>(type);
  auto *out = elements<R>(*result).data();
  const X *in = elements<X>(x).data();
  walk(type.getAxes(), {stridesIn(type.getAxes(), x.type)}, [&](ArrayRef<int64_t> at) { *out++ = compute(in[at[0]]); });
  return result;
}

template <typename X, typename R, typename F>
static TensorRef mapTwo(NamedTensorType type, const Tensor &x, const Tensor &y, F compute) {
  auto result = std::make_shared<Tensor>(type);
  auto *out = elements<R>(*result).data();
  const X *left = elements<X>(x).data(), *right = elements<X>(y).data();
  walk(type.getAxes(), {stridesIn(type.getAxes(), x.type), stridesIn(type.getAxes(), y.type)},
       [&](ArrayRef<int64_t> at) { *out++ = compute(left[at[0]], right[at[1]]); });
  return result;
}

/// An op that is defined on floats and on ints by the same expression.
template <typename F> static TensorRef mapEither(NamedTensorType type, const Tensor &x, const Tensor &y, F compute) {
  return x.type.isFloat() ? mapTwo<double, double>(type, x, y, compute) : mapTwo<int64_t, int64_t>(type, x, y, compute);
}

template <typename T> static int64_t compare(ComparePredicate predicate, T x, T y) {
  switch (predicate) {
  case ComparePredicate::eq: return x == y;
  case ComparePredicate::ne: return x != y;
  case ComparePredicate::lt: return x < y;
  case ComparePredicate::le: return x <= y;
  case ComparePredicate::gt: return x > y;
  case ComparePredicate::ge: return x >= y;
  }
  return 0;
}

static int64_t floorDivide(int64_t x, int64_t y) { return x / y - ((x % y != 0) && ((x < 0) != (y < 0))); }

template <typename T> static TensorRef select(NamedTensorType type, ArrayRef<TensorRef> operands) {
  auto result = std::make_shared<Tensor>(type);
  T *out = elements<T>(*result).data();
  const T *yes = elements<T>(*operands[1]).data(), *no = elements<T>(*operands[2]).data();
  SmallVector<Strides> strides;
  for (const TensorRef &operand : operands)
    strides.push_back(stridesIn(type.getAxes(), operand->type));
  walk(type.getAxes(), strides,
       [&](ArrayRef<int64_t> at) { *out++ = operands[0]->ints[at[0]] ? yes[at[1]] : no[at[2]]; });
  return result;
}

static TensorRef evaluateUnary(Operation *op, const Tensor &x) {
  auto type = typeOf(op->getResult(0));
  auto real = [&](double (*compute)(double)) { return mapOne<double, double>(type, x, compute); };
  return TypeSwitch<Operation *, TensorRef>(op)
      .Case<ExpOp>([&](auto) { return real(std::exp); })
      .Case<LogOp>([&](auto) { return real(std::log); })
      .Case<SqrtOp>([&](auto) { return real(std::sqrt); })
      .Case<TanhOp>([&](auto) { return real(std::tanh); })
      .Case<ErfOp>([&](auto) { return real(std::erf); })
      .Case<SinOp>([&](auto) { return real(std::sin); })
      .Case<CosOp>([&](auto) { return real(std::cos); })
      .Case<Fp32Op, CastOp>([&](auto) { return real([](double v) { return v; }); })
      .Case<NotOp>([&](auto) { return mapOne<int64_t, int64_t>(type, x, [](int64_t v) { return int64_t(!v); }); })
      .Case<NegOp>([&](auto) {
        return type.isFloat() ? real([](double v) { return -v; })
                              : mapOne<int64_t, int64_t>(type, x, [](int64_t v) { return -v; });
      })
      .Case<AbsOp>([&](auto) {
        return type.isFloat() ? real(std::fabs)
                              : mapOne<int64_t, int64_t>(type, x, [](int64_t v) { return std::abs(v); });
      })
      .Case<ToFloatOp>([&](auto) {
        return x.type.isFloat() ? real([](double v) { return v; })
                                : mapOne<int64_t, double>(type, x, [](int64_t v) { return double(v); });
      })
      .Case<ToIntOp>([&](auto) {
        return x.type.isFloat() ? mapOne<double, int64_t>(type, x, [](double v) { return int64_t(std::floor(v)); })
                                : mapOne<int64_t, int64_t>(type, x, [](int64_t v) { return v; });
      })
      .Default([](Operation *) { return nullptr; });
}

static TensorRef evaluateBinary(Operation *op, const Tensor &x, const Tensor &y) {
  auto type = typeOf(op->getResult(0));
  auto either = [&](auto compute) { return mapEither(type, x, y, compute); };
  auto whole = [&](auto compute) { return mapTwo<int64_t, int64_t>(type, x, y, compute); };
  auto real = [&](auto compute) { return mapTwo<double, double>(type, x, y, compute); };
  return TypeSwitch<Operation *, TensorRef>(op)
      .Case<AddOp>([&](auto) { return either([](auto a, auto b) { return a + b; }); })
      .Case<SubOp>([&](auto) { return either([](auto a, auto b) { return a - b; }); })
      .Case<MulOp>([&](auto) { return either([](auto a, auto b) { return a * b; }); })
      .Case<MaxOp>([&](auto) { return either([](auto a, auto b) { return a >= b || a != a ? a : b; }); })
      .Case<MinOp>([&](auto) { return either([](auto a, auto b) { return a <= b || a != a ? a : b; }); })
      .Case<DivOp>([&](auto) { return real([](double a, double b) { return a / b; }); })
      .Case<PowOp>([&](auto) { return real([](double a, double b) { return std::pow(a, b); }); })
      .Case<ChainOp>([&](auto) { return real([](double a, double b) { return a == 0 ? 0.0 : a * b; }); })
      .Case<FloorDivOp>([&](auto) { return whole([](int64_t a, int64_t b) { return b ? floorDivide(a, b) : 0; }); })
      .Case<ModOp>([&](auto) { return whole([](int64_t a, int64_t b) { return b ? a - b * floorDivide(a, b) : 0; }); })
      .Case<AndOp>([&](auto) { return whole([](int64_t a, int64_t b) { return a & b; }); })
      .Case<OrOp>([&](auto) { return whole([](int64_t a, int64_t b) { return a | b; }); })
      .Case<CompareOp>([&](CompareOp comparison) {
        ComparePredicate predicate = comparison.getPredicate();
        auto compute = [predicate](auto a, auto b) { return compare(predicate, a, b); };
        return x.type.isFloat() ? mapTwo<double, int64_t>(type, x, y, compute)
                                : mapTwo<int64_t, int64_t>(type, x, y, compute);
      })
      .Default([](Operation *) { return nullptr; });
}

TensorRef interpret::evaluateElementwise(Operation *op, ArrayRef<TensorRef> operands) {
  if (!op->hasTrait<Elementwise>())
    return nullptr;
  if (isa<SelectOp>(op))
    return typeOf(op->getResult(0)).isFloat() ? select<double>(typeOf(op->getResult(0)), operands)
                                              : select<int64_t>(typeOf(op->getResult(0)), operands);
  return operands.size() == 1 ? evaluateUnary(op, *operands[0]) : evaluateBinary(op, *operands[0], *operands[1]);
}
