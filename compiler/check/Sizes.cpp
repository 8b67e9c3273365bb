// Sizes: exact 64-bit integers of sizes, axis lengths, slice bounds and repeat counts. Here `/` must leave no
// remainder, and every overflow is an error.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;

namespace kinu::check {

std::optional<int64_t> Elaborator::size(const Expr &expr) {
  switch (expr.kind) {
  case Expr::Kind::Number:
    if (auto &number = llvm::cast<NumberExpr>(expr); number.isInt)
      return number.integer;
    error("size-not-whole", expr.range, "a size is a whole number");
    return std::nullopt;
  case Expr::Kind::Name: {
    auto &name = llvm::cast<NameExpr>(expr);
    Entity *entity = scope->find(name.name);
    if (!entity) {
      unknownName({name.name, name.range}, "size");
      return std::nullopt;
    }
    if (entity->kind == Entity::Kind::Size)
      return entity->size;
    if (entity->kind == Entity::Kind::Value) {
      if (!entity->operand)
        return std::nullopt; // reported where it was made
      if (entity->operand.isConstant() && entity->operand.element() == typed::Element::Int)
        return entity->operand.value->integer;
    }
    auto &diagnostic = error("size-not-constant", expr.range, "`" + name.name + "` is not a size");
    if (entity->kind == Entity::Kind::Axis)
      diagnostic.suggest("the length of an axis is `size(" + name.name + ")`");
    return std::nullopt;
  }
  case Expr::Kind::Unary: {
    auto &unary = llvm::cast<UnaryExpr>(expr);
    if (unary.op != UnaryOp::Negate)
      break;
    auto operand = size(*unary.operand);
    if (!operand)
      return std::nullopt;
    int64_t result;
    if (__builtin_sub_overflow(int64_t(0), *operand, &result)) {
      error("size-overflow", expr.range, "this size does not fit in 64 bits");
      return std::nullopt;
    }
    return result;
  }
  case Expr::Kind::Binary: return sizeBinary(llvm::cast<BinaryExpr>(expr));
  case Expr::Kind::Call: return sizeCall(llvm::cast<CallExpr>(expr));
  default: break;
  }
  error("size-not-constant", expr.range, "a size is made of whole numbers, sizes, `size(axis)`, `min` and `max`");
  return std::nullopt;
}

std::optional<int64_t> Elaborator::sizeBinary(const BinaryExpr &expr) {
  auto left = size(*expr.left), right = size(*expr.right);
  if (!left || !right)
    return std::nullopt;
  int64_t result = 0;
  bool overflow = false;
  switch (expr.op) {
  case BinaryOp::Add: overflow = __builtin_add_overflow(*left, *right, &result); break;
  case BinaryOp::Subtract: overflow = __builtin_sub_overflow(*left, *right, &result); break;
  case BinaryOp::Multiply: overflow = __builtin_mul_overflow(*left, *right, &result); break;
  case BinaryOp::Divide:
  case BinaryOp::FloorDivide:
  case BinaryOp::Modulo: return exactQuotient(expr, *left, *right);
  case BinaryOp::Power: {
    result = 1;
    if (*right < 0 || *right > 62)
      overflow = *right != 0 && *left != 1;
    else
      for (int64_t i = 0; i < *right && !overflow; ++i)
        overflow = __builtin_mul_overflow(result, *left, &result);
    break;
  }
  default:
    error("size-not-constant", expr.range, ("`" + spelling(expr.op) + "` has no meaning in a size").str());
    return std::nullopt;
  }
  if (!overflow)
    return result;
  error("size-overflow", expr.range,
        ("`" + spelling(expr.op) + "` of " + llvm::Twine(*left) + " and " + llvm::Twine(*right) +
         " does not fit in 64 bits")
            .str());
  return std::nullopt;
}

/// `/`, `//` and `%`; the last two round down.
std::optional<int64_t> Elaborator::exactQuotient(const BinaryExpr &expr, int64_t left, int64_t right) {
  if (right == 0) {
    error("division-by-zero", expr.range, "division of " + std::to_string(left) + " by zero").also(expr.right->range);
    return std::nullopt;
  }
  if (right == -1) { // the one quotient that can overflow
    int64_t negated;
    if (__builtin_sub_overflow(int64_t(0), left, &negated)) {
      error("size-overflow", expr.range, "this size does not fit in 64 bits");
      return std::nullopt;
    }
    return expr.op == BinaryOp::Modulo ? 0 : negated;
  }
  int64_t remainder = left % right, quotient = left / right;
  if (remainder != 0 && (remainder < 0) != (right < 0)) {
    remainder += right;
    --quotient;
  }
  if (expr.op == BinaryOp::Modulo)
    return remainder;
  if (expr.op == BinaryOp::FloorDivide || remainder == 0)
    return quotient;
  auto &diagnostic = error("inexact-division", expr.range,
                           std::to_string(left) + " / " + std::to_string(right) + " leaves a remainder of " +
                               std::to_string(remainder));
  int64_t below = left - remainder, above;
  if (right > 0 && !__builtin_add_overflow(below, right, &above))
    diagnostic.suggest("the nearest that work are " + std::to_string(below) + " and " + std::to_string(above) +
                       "; `//` rounds down");
  return std::nullopt;
}

std::optional<int64_t> Elaborator::sizeCall(const CallExpr &call) {
  bool plain = llvm::all_of(call.arguments, [](auto &one) { return one.kind == Argument::Kind::Positional; });
  if (plain && call.callee == "size" && call.arguments.size() == 1) {
    const AxisInfo *of = axisOf(*call.arguments[0].value);
    if (!of || !notBatch(*of, call.range, "a size made from the length of"))
      return std::nullopt;
    return of->length;
  }
  if (plain && (call.callee == "min" || call.callee == "max") && call.arguments.size() == 2) {
    auto left = size(*call.arguments[0].value), right = size(*call.arguments[1].value);
    if (!left || !right)
      return std::nullopt;
    return call.callee == "min" ? std::min(*left, *right) : std::max(*left, *right);
  }
  error("size-not-constant", call.range, "a size is made of whole numbers, sizes, `size(axis)`, `min` and `max`");
  return std::nullopt;
}

std::optional<int64_t> Elaborator::sizeFrom(const Expr &expr, int64_t least, llvm::StringRef what) {
  auto value = size(expr);
  if (!value || *value >= least)
    return value;
  error("size-too-small", expr.range,
        (what + " is " + llvm::Twine(*value) + ", it must be at least " + llvm::Twine(least)).str());
  return std::nullopt;
}

} // namespace kinu::check
