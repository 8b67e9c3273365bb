// Expressions: names, operators, contraction and reduction. Calls are in Builtins.cpp and Calls.cpp, `x[...]` in
// Select.cpp.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

Operand Elaborator::expression(const Expr &expr) {
  if (gaveUp)
    return {};
  switch (expr.kind) {
  case Expr::Kind::Number: {
    auto &number = llvm::cast<NumberExpr>(expr);
    return number.isInt ? constantInt(number.integer, expr.range) : constantFloat(number.real, expr.range);
  }
  case Expr::Kind::Bool: return constantBool(llvm::cast<BoolExpr>(expr).value, expr.range);
  case Expr::Kind::Infinity: return constantFloat(HUGE_VAL, expr.range);
  case Expr::Kind::Name: return nameExpression(llvm::cast<NameExpr>(expr));
  case Expr::Kind::Unary: return unary(llvm::cast<UnaryExpr>(expr));
  case Expr::Kind::Binary: return binary(llvm::cast<BinaryExpr>(expr));
  case Expr::Kind::Contract: return contract(llvm::cast<ContractExpr>(expr));
  case Expr::Kind::Call: return callExpression(llvm::cast<CallExpr>(expr));
  case Expr::Kind::Select: return selectExpression(llvm::cast<SelectExpr>(expr));
  case Expr::Kind::String:
  case Expr::Kind::Tuple:
  case Expr::Kind::AxisSet: break;
  }
  error("not-a-value", expr.range, "a value is expected here");
  return {};
}

Operand Elaborator::nameExpression(const NameExpr &expr) {
  Name name{expr.name, expr.range};
  Entity *entity = scope->find(name.text);
  if (!entity) {
    if (name == "training")
      return constantBool(options.training, expr.range);
    unknownName(name, "value");
    return {};
  }
  switch (entity->kind) {
  case Entity::Kind::Size: return entity->size ? constantInt(*entity->size, expr.range) : Operand{};
  case Entity::Kind::Axis: return entity->axis ? axisIndex(*entity->axis, expr.range) : Operand{};
  case Entity::Kind::Value: return entity->operand;
  case Entity::Kind::Function:
  case Entity::Kind::Instance: break;
  }
  error("not-a-value", expr.range, "`" + name.text + "` is a function: it has a value where it is called")
      .note(entity->range, "declared here");
  return {};
}

Operand Elaborator::axisIndex(const AxisInfo &axis, SourceRange range) {
  if (!notBatch(axis, range, "the index along"))
    return {};
  Operand result;
  result.value = emit(Kind::AxisIndex, {Element::Int, {typedAxis(axis)}}, {}, range);
  if (!result)
    return {};
  result.value->axes = {axis.name};
  result.isIndex = true;
  result.interval = Interval{0, axis.length - 1};
  result.indexOf = &axis;
  return result;
}

Operand Elaborator::unary(const UnaryExpr &expr) {
  Operand x = expression(*expr.operand);
  if (expr.op == UnaryOp::Negate)
    return negate(x, expr.range);
  if (!boolean(x, expr.operand->range, "`not`"))
    return {};
  return elementwise(Kind::Not, Element::Bool, {x}, expr.range);
}

Operand Elaborator::binary(const BinaryExpr &expr) {
  Operand left = expression(*expr.left), right = expression(*expr.right);
  if (!left || !right)
    return {};
  std::string what = ("`" + spelling(expr.op) + "`").str();
  auto both = [&](auto check) {
    bool l = (this->*check)(left, expr.left->range, what);
    return (this->*check)(right, expr.right->range, what) && l;
  };
  auto arithmeticOf = [&](Kind kind) {
    return both(&Elaborator::numeric) ? arithmetic(kind, left, right, expr.range) : Operand{};
  };
  auto logical = [&](Kind kind) {
    return both(&Elaborator::boolean) ? elementwise(kind, Element::Bool, {left, right}, expr.range) : Operand{};
  };
  auto whole = [&](Kind kind) {
    return both(&Elaborator::isInt) ? elementwise(kind, Element::Int, {left, right}, expr.range) : Operand{};
  };
  switch (expr.op) {
  case BinaryOp::Or: return logical(Kind::Or);
  case BinaryOp::And: return logical(Kind::And);
  case BinaryOp::Equal: return compare(Kind::Eq, left, right, expr.range);
  case BinaryOp::NotEqual: return compare(Kind::Ne, left, right, expr.range);
  case BinaryOp::Less: return compare(Kind::Lt, left, right, expr.range);
  case BinaryOp::LessEqual: return compare(Kind::Le, left, right, expr.range);
  case BinaryOp::Greater: return compare(Kind::Gt, left, right, expr.range);
  case BinaryOp::GreaterEqual: return compare(Kind::Ge, left, right, expr.range);
  case BinaryOp::Add: return arithmeticOf(Kind::Add);
  case BinaryOp::Subtract: return arithmeticOf(Kind::Sub);
  case BinaryOp::Multiply: return arithmeticOf(Kind::Mul);
  case BinaryOp::Divide: return arithmeticOf(Kind::Div);
  case BinaryOp::Power: return arithmeticOf(Kind::Pow);
  case BinaryOp::FloorDivide: return whole(Kind::FloorDiv);
  case BinaryOp::Modulo: return whole(Kind::Mod);
  }
  return {};
}

/// `x @{axes} y`: each of the axes must be present on both sides.
Operand Elaborator::contract(const ContractExpr &expr) {
  Operand left = expression(*expr.left), right = expression(*expr.right);
  auto over = axes(expr.axes);
  if (!numeric(left, expr.left->range, "`@`") || !numeric(right, expr.right->range, "`@`") || !over)
    return {};
  for (const AxisInfo *axis : *over)
    if (!notBatch(*axis, expr.opRange, "summing over") || !present(left, *axis, expr.left->range, "`@` sums over") ||
        !present(right, *axis, expr.right->range, "`@` sums over"))
      return {};
  left = toFloat(left, expr.left->range);
  right = toFloat(right, expr.right->range);
  if (!left || !right)
    return {};
  typed::Type all{Element::Float, left.type().axes}, kept{Element::Float, {}};
  for (const typed::Axis &axis : right.type().axes)
    if (!all.find(axis.name))
      all.axes.push_back(axis);
  for (const typed::Axis &axis : all.axes)
    if (llvm::none_of(*over, [&](const AxisInfo *summed) { return summed->name == axis.name; }))
      kept.axes.push_back(axis);
  if (!soundType(kept, expr.range))
    return {};
  Operand result;
  result.isIndex = left.isIndex && right.isIndex;
  result.value = emit(Kind::Dot, std::move(kept), {left.value, right.value}, expr.range);
  if (result)
    for (const AxisInfo *axis : *over)
      result.value->axes.push_back(axis->name);
  return result;
}

bool Elaborator::present(const Operand &x, const AxisInfo &axis, SourceRange range, llvm::StringRef doing) {
  if (x.type().find(axis.name))
    return true;
  auto &diagnostic =
      error("absent-axis", range, (doing + " `" + axis.name + "`, but this has axes " + show(x.type().axes)).str());
  std::string hint = renameHint(x.type(), axis);
  if (!hint.empty())
    diagnostic.suggest(hint);
  return false;
}

std::string Elaborator::renameHint(const typed::Type &type, const AxisInfo &missing) const {
  for (const typed::Axis &axis : type.axes)
    if (const AxisInfo *other = info(axis); other && other != &missing && other->root == missing.root)
      return "`" + missing.name + "` is an axis like `" + axis.name + "`: write `[" + axis.name + " as " +
             missing.name + "]` behind the value that should have it";
  return "";
}

Operand Elaborator::reduce(Kind kind, Operand x, llvm::ArrayRef<const AxisInfo *> over, SourceRange range) {
  if (!x)
    return {};
  typed::Type kept{x.element(), {}};
  for (const AxisInfo *axis : over)
    if (!notBatch(*axis, range, "reducing over") || !present(x, *axis, range, "this reduces over"))
      return {};
  for (const typed::Axis &axis : x.type().axes)
    if (llvm::none_of(over, [&](const AxisInfo *reduced) { return reduced->name == axis.name; }))
      kept.axes.push_back(axis);
  Operand result;
  result.isIndex = x.isIndex;
  if (kind != Kind::Sum)
    result.interval = x.interval;
  result.value = emit(kind, std::move(kept), {x.value}, range);
  if (result)
    for (const AxisInfo *axis : over)
      result.value->axes.push_back(axis->name);
  return result;
}

} // namespace kinu::check
