// Arithmetic on constants: integers and double, as the checker itself computes them.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

/// A `where` whose condition is known is one of its sides; anything else folds only if all operands are constants.
std::optional<Operand> Elaborator::fold(Kind kind, llvm::ArrayRef<Operand> operands, SourceRange range) {
  if (kind == Kind::Where && operands[0].isConstant()) {
    const Operand &chosen = operands[0].value->integer ? operands[1] : operands[2];
    const Operand &other = operands[0].value->integer ? operands[2] : operands[1];
    // The side not chosen still gives its axes.
    bool contained = llvm::all_of(other.type().axes, [&](const typed::Axis &a) { return chosen.type().find(a.name); });
    return contained ? std::optional(chosen) : std::nullopt;
  }
  if (!llvm::all_of(operands, [](const Operand &operand) { return operand.isConstant(); }))
    return std::nullopt;
  if (kind == Kind::Fp32 || kind == Kind::Where)
    return std::nullopt;
  return operands[0].element() == Element::Float ? foldFloat(kind, operands, range) : foldInt(kind, operands, range);
}

std::optional<Operand> Elaborator::foldFloat(Kind kind, llvm::ArrayRef<Operand> operands, SourceRange range) {
  double x = operands[0].value->number, y = operands.size() > 1 ? operands[1].value->number : 0;
  auto number = [&](double value) { return constantFloat(value, range); };
  auto truth = [&](bool value) { return constantBool(value, range); };
  switch (kind) {
  case Kind::Neg: return number(-x);
  case Kind::Abs: return number(std::fabs(x));
  case Kind::Exp: return number(std::exp(x));
  case Kind::Log: return number(std::log(x));
  case Kind::Sqrt: return number(std::sqrt(x));
  case Kind::Rsqrt: return number(1 / std::sqrt(x));
  case Kind::Tanh: return number(std::tanh(x));
  case Kind::Erf: return number(std::erf(x));
  case Kind::Sin: return number(std::sin(x));
  case Kind::Cos: return number(std::cos(x));
  case Kind::Add: return number(x + y);
  case Kind::Sub: return number(x - y);
  case Kind::Mul: return number(x * y);
  case Kind::Div: return number(x / y);
  case Kind::Pow: return number(std::pow(x, y));
  case Kind::Max: return number(std::max(x, y));
  case Kind::Min: return number(std::min(x, y));
  case Kind::Eq: return truth(x == y);
  case Kind::Ne: return truth(x != y);
  case Kind::Lt: return truth(x < y);
  case Kind::Le: return truth(x <= y);
  case Kind::Gt: return truth(x > y);
  case Kind::Ge: return truth(x >= y);
  case Kind::ToInt:
    if (!(std::fabs(x) < 9.2e18)) {
      error("number-overflow", range, "`int` of a number that does not fit in 64 bits");
      return Operand{};
    }
    return constantInt(int64_t(std::floor(x)), range);
  default: return std::nullopt;
  }
}

/// Of Ints and Bools; both keep their value in `integer`.
std::optional<Operand> Elaborator::foldInt(Kind kind, llvm::ArrayRef<Operand> operands, SourceRange range) {
  int64_t x = operands[0].value->integer, y = operands.size() > 1 ? operands[1].value->integer : 0, r = 0;
  auto truth = [&](bool value) { return constantBool(value, range); };
  bool overflow = false;
  switch (kind) {
  case Kind::Neg: overflow = __builtin_sub_overflow(int64_t(0), x, &r); break;
  case Kind::Abs: overflow = x < 0 ? __builtin_sub_overflow(int64_t(0), x, &r) : (r = x, false); break;
  case Kind::Add: overflow = __builtin_add_overflow(x, y, &r); break;
  case Kind::Sub: overflow = __builtin_sub_overflow(x, y, &r); break;
  case Kind::Mul: overflow = __builtin_mul_overflow(x, y, &r); break;
  case Kind::Max: r = std::max(x, y); break;
  case Kind::Min: r = std::min(x, y); break;
  case Kind::ToInt: r = x; break;
  case Kind::FloorDiv:
  case Kind::Mod:
    if (y == 0) {
      error("division-by-zero", range, "division of " + std::to_string(x) + " by zero");
      return Operand{};
    }
    if (y == -1) {
      overflow = __builtin_sub_overflow(int64_t(0), x, &r);
      r = kind == Kind::Mod ? 0 : r;
    } else {
      int64_t remainder = x % y, quotient = x / y;
      bool adjust = remainder != 0 && (remainder < 0) != (y < 0);
      r = kind == Kind::Mod ? remainder + (adjust ? y : 0) : quotient - (adjust ? 1 : 0);
    }
    break;
  case Kind::Not: return truth(!x);
  case Kind::And: return truth(x && y);
  case Kind::Or: return truth(x || y);
  case Kind::Eq: return truth(x == y);
  case Kind::Ne: return truth(x != y);
  case Kind::Lt: return truth(x < y);
  case Kind::Le: return truth(x <= y);
  case Kind::Gt: return truth(x > y);
  case Kind::Ge: return truth(x >= y);
  default: return std::nullopt;
  }
  if (!overflow)
    return constantInt(r, range);
  error("number-overflow", range, "this int does not fit in 64 bits");
  return Operand{};
}

} // namespace kinu::check
