// Elementwise operations: how operands join by name, what elements they take, what is known of their range.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

/// More nodes than any sensible model has: a spec that doubles at every call ends here and not in swap.
static constexpr unsigned maxNodes = 400000;
/// The same with every round of every repeat counted: repeats are written out, so each is a launch or a part of one.
static constexpr int64_t maxUnrolledNodes = 2000000;

typed::Value *Elaborator::emit(Kind kind, typed::Type type, llvm::ArrayRef<typed::Value *> operands,
                               SourceRange range) {
  if (++nodes > maxNodes)
    giveUp("model-too-large", range, "the model expands to more than " + std::to_string(maxNodes) + " operations");
  if ((unrolledNodes += rounds) > maxUnrolledNodes)
    giveUp("model-too-large", range,
           "the model expands to more than " + std::to_string(maxUnrolledNodes) +
               " operations in all rounds of its repeats");
  if (gaveUp)
    return nullptr;
  typed::Value *value = model.make(kind, std::move(type), range);
  value->operands.assign(operands.begin(), operands.end());
  region->values.push_back(value);
  return value;
}

bool Elaborator::enterRounds(int64_t count, SourceRange range) {
  if (__builtin_mul_overflow(rounds, count, &rounds) || rounds > maxUnrolledNodes)
    giveUp("model-too-large", range,
           "the model repeats something more than " + std::to_string(maxUnrolledNodes) + " times");
  return !gaveUp;
}

Operand Elaborator::constant(Element element, double number, int64_t integer, SourceRange range) {
  Operand result;
  result.value = emit(Kind::Constant, {element, {}}, {}, range);
  if (!result)
    return {};
  result.value->number = number;
  result.value->integer = integer;
  result.isIndex = true;
  if (element == Element::Int)
    result.interval = Interval{integer, integer};
  return result;
}

Operand Elaborator::constantInt(int64_t value, SourceRange range) {
  return constant(Element::Int, double(value), value, range);
}
Operand Elaborator::constantFloat(double value, SourceRange range) { return constant(Element::Float, value, 0, range); }
Operand Elaborator::constantBool(bool value, SourceRange range) { return constant(Element::Bool, value, value, range); }

/// Rule 1: one operand contains the others, index expressions apart, unless the enclosing statement lists them all.
bool Elaborator::joins(llvm::ArrayRef<Operand> operands, const typed::Type &joined, SourceRange range) {
  const typed::Type *widest = nullptr;
  for (const Operand &operand : operands)
    if (!operand.isIndex && (!widest || operand.type().axes.size() > widest->axes.size()))
      widest = &operand.type();
  if (!widest)
    return true;
  auto listed = [&](const typed::Axis &axis) { return declaredAxes && declaredAxes->count(axis.name); };
  if (llvm::all_of(joined.axes, listed))
    return true;
  for (const Operand &operand : operands) {
    if (operand.isIndex)
      continue;
    for (const typed::Axis &axis : operand.type().axes)
      if (!widest->find(axis.name)) {
        error("joins-apart", range,
              "this joins " + show(widest->axes) + " with " + show(operand.type().axes) +
                  ": neither contains the other")
            .suggest("if " + show(joined.axes) + " is meant, declare it: `let name" + show(joined.axes) + " = ...`");
        return false;
      }
  }
  return true;
}

static std::optional<Interval> intervalOf(Kind kind, llvm::ArrayRef<Operand> operands) {
  if (kind == Kind::Where && operands[1].interval && operands[2].interval)
    return Interval{std::min(operands[1].interval->low, operands[2].interval->low),
                    std::max(operands[1].interval->high, operands[2].interval->high)};
  if (operands.size() != 2 || !operands[0].interval || !operands[1].interval)
    return std::nullopt;
  Interval a = *operands[0].interval, b = *operands[1].interval, r;
  switch (kind) {
  case Kind::Add:
    if (__builtin_add_overflow(a.low, b.low, &r.low) || __builtin_add_overflow(a.high, b.high, &r.high))
      return std::nullopt;
    return r;
  case Kind::Sub:
    if (__builtin_sub_overflow(a.low, b.high, &r.low) || __builtin_sub_overflow(a.high, b.low, &r.high))
      return std::nullopt;
    return r;
  case Kind::Mul:
    if (a.low < 0 || b.low < 0 || __builtin_mul_overflow(a.high, b.high, &r.high))
      return std::nullopt;
    return Interval{a.low * b.low, r.high};
  case Kind::Max: return Interval{std::max(a.low, b.low), std::max(a.high, b.high)};
  case Kind::Min: return Interval{std::min(a.low, b.low), std::min(a.high, b.high)};
  case Kind::FloorDiv:
    if (a.low < 0 || b.low < 1)
      return std::nullopt;
    return Interval{a.low / b.high, a.high / b.low};
  case Kind::Mod:
    if (b.low < 1)
      return std::nullopt;
    return Interval{0, b.high - 1};
  default: return std::nullopt;
  }
}

Operand Elaborator::elementwise(Kind kind, Element element, llvm::ArrayRef<Operand> operands, SourceRange range) {
  if (!llvm::all_of(operands, [](const Operand &operand) { return bool(operand); }))
    return {};
  if (auto folded = fold(kind, operands, range))
    return *folded;
  typed::Type joined{element, {}};
  for (const Operand &operand : operands)
    for (const typed::Axis &axis : operand.type().axes)
      if (!joined.find(axis.name))
        joined.axes.push_back(axis);
  if (!joins(operands, joined, range) || !soundType(joined, range))
    return {};
  std::vector<typed::Value *> values;
  for (const Operand &operand : operands)
    values.push_back(operand.value);
  Operand result;
  result.isIndex = llvm::all_of(operands, [](const Operand &operand) { return operand.isIndex; });
  if (element == Element::Int)
    result.interval = intervalOf(kind, operands);
  if (kind == Kind::Where && operands[1].indexOf == operands[2].indexOf)
    result.indexOf = operands[1].indexOf;
  result.value = emit(kind, std::move(joined), values, range);
  return result;
}

bool Elaborator::numeric(const Operand &x, SourceRange range, llvm::StringRef what) {
  if (!x)
    return false;
  if (x.element() != Element::Bool)
    return true;
  error("bool-as-number", range, (what + " takes numbers, this is a bool").str())
      .suggest("choose a number by it: `where(m, 1.0, 0.0)`");
  return false;
}

bool Elaborator::boolean(const Operand &x, SourceRange range, llvm::StringRef what) {
  if (!x)
    return false;
  if (x.element() == Element::Bool)
    return true;
  error("number-as-bool", range, (what + " takes a bool, this is " + show(x.element())).str())
      .suggest("compare it: `x > 0`");
  return false;
}

bool Elaborator::isInt(const Operand &x, SourceRange range, llvm::StringRef what) {
  if (!x)
    return false;
  if (x.element() == Element::Int)
    return true;
  auto &diagnostic = error("not-an-int", range, (what + " takes an int, this is " + show(x.element())).str());
  diagnostic.suggest("`int(x)` rounds down");
  return false;
}

Operand Elaborator::toFloat(Operand x, SourceRange range) {
  if (!x || x.element() == Element::Float)
    return x;
  if (x.isConstant())
    return constantFloat(double(x.value->integer), range);
  Operand result{nullptr, x.isIndex, std::nullopt, nullptr};
  result.value = emit(Kind::ToFloat, {Element::Float, x.type().axes}, {x.value}, range);
  return result;
}

Operand Elaborator::toInt(Operand x, SourceRange range) {
  if (!x || x.element() == Element::Int)
    return x;
  if (auto folded = fold(Kind::ToInt, {x}, range))
    return *folded;
  Operand result{nullptr, x.isIndex, std::nullopt, nullptr};
  if (x.element() == Element::Bool)
    result.interval = Interval{0, 1};
  result.value = emit(Kind::ToInt, {Element::Int, x.type().axes}, {x.value}, range);
  return result;
}

Operand Elaborator::negate(Operand x, SourceRange range) {
  if (!numeric(x, range, "`-`"))
    return {};
  Operand result = elementwise(Kind::Neg, x.element(), {x}, range);
  if (result && x.interval && x.interval->low > std::numeric_limits<int64_t>::min())
    result.interval = Interval{-x.interval->high, -x.interval->low};
  return result;
}

Operand Elaborator::arithmetic(Kind kind, Operand left, Operand right, SourceRange range) {
  if (!left || !right)
    return {};
  bool asFloat =
      kind == Kind::Div || kind == Kind::Pow || left.element() == Element::Float || right.element() == Element::Float;
  if (asFloat) {
    left = toFloat(left, left.value->range);
    right = toFloat(right, right.value->range);
  }
  return elementwise(kind, asFloat ? Element::Float : Element::Int, {left, right}, range);
}

Operand Elaborator::compare(Kind kind, Operand left, Operand right, SourceRange range) {
  if (!left || !right)
    return {};
  bool leftBool = left.element() == Element::Bool, rightBool = right.element() == Element::Bool;
  if (leftBool != rightBool || (leftBool && kind != Kind::Eq && kind != Kind::Ne)) {
    error("compare-elements", range,
          "this compares " + show(left.element()) + " with " + show(right.element()) +
              (leftBool == rightBool ? ": bools have no order" : ""));
    return {};
  }
  if (left.element() != right.element()) {
    left = toFloat(left, left.value->range);
    right = toFloat(right, right.value->range);
  }
  return elementwise(kind, Element::Bool, {left, right}, range);
}

Operand Elaborator::select(Operand condition, Operand yes, Operand no, SourceRange range) {
  if (!condition || !yes || !no)
    return {};
  if (yes.element() != no.element()) {
    if (yes.element() == Element::Bool || no.element() == Element::Bool) {
      error("where-elements", range,
            "`where` chooses between " + show(yes.element()) + " and " + show(no.element()) + ": they must be alike");
      return {};
    }
    yes = toFloat(yes, yes.value->range);
    no = toFloat(no, no.value->range);
  }
  return elementwise(Kind::Where, yes.element(), {condition, yes, no}, range);
}

} // namespace kinu::check
