// The primitives of the language that are written as calls; those that move data are in Routing.cpp.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

/// Elementwise functions of one float.
static std::optional<Kind> floatFunction(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<Kind>>(name)
      .Case("exp", Kind::Exp)
      .Case("log", Kind::Log)
      .Case("sqrt", Kind::Sqrt)
      .Case("rsqrt", Kind::Rsqrt)
      .Case("tanh", Kind::Tanh)
      .Case("erf", Kind::Erf)
      .Case("sin", Kind::Sin)
      .Case("cos", Kind::Cos)
      .Case("fp32", Kind::Fp32)
      .Default(std::nullopt);
}

static bool isCall(llvm::StringRef name) {
  return floatFunction(name) || llvm::is_contained({"abs", "int", "float", "sum", "mean", "max", "min", "cumsum",
                                                    "where", "clamp", "size", "random", "top", "scatter", "concat"},
                                                   name);
}

bool isBuiltin(llvm::StringRef name) {
  return isCall(name) || llvm::is_contained({"training", "inf", "true", "false", "and", "or", "not"}, name);
}

Operand Elaborator::builtin(const CallExpr &call) {
  const std::string &name = call.callee.text;
  if (call.otherwise && name != "scatter") {
    error("else-drop", call.otherwise->range, "`else` belongs to a lookup or to `scatter`");
    return {};
  }
  if (auto kind = floatFunction(name))
    return elementwiseCall(call, *kind);
  if (name == "abs" || name == "int" || name == "float")
    return elementwiseCall(call, Kind::Abs);
  if (name == "sum")
    return reductionCall(call);
  if (name == "mean")
    return meanCall(call);
  if (name == "max")
    return extremumCall(call, Kind::MaxOver, Kind::Max);
  if (name == "min")
    return extremumCall(call, Kind::MinOver, Kind::Min);
  if (name == "cumsum")
    return cumsumCall(call);
  if (name == "where")
    return whereCall(call);
  if (name == "clamp")
    return clampCall(call);
  if (name == "size")
    return sizeCallValue(call);
  if (name == "random")
    return randomCall(call);
  if (name == "top")
    return topCall(call);
  if (name == "scatter")
    return scatterCall(call);
  return concatCall(call);
}

bool Elaborator::shape(const CallExpr &call, size_t least, size_t most, llvm::ArrayRef<llvm::StringRef> labels) {
  size_t positional = 0;
  for (const Argument &argument : call.arguments) {
    if (argument.kind == Argument::Kind::Positional) {
      ++positional; // the parser has seen to it that these come first
    } else if (argument.kind == Argument::Kind::Labelled && !llvm::is_contained(labels, argument.label.text)) {
      auto &diagnostic = error("unknown-label", argument.label.range,
                               "`" + call.callee.text + "` has no `" + argument.label.text + ":`");
      if (!labels.empty())
        diagnostic.suggest(
            "it has " +
            llvm::join(llvm::map_range(labels, [](llvm::StringRef label) { return "`" + label.str() + ":`"; }),
                       " and "));
      return false;
    } else if (argument.kind == Argument::Kind::Index && call.callee.text != "scatter") {
      error("index-argument", argument.range, "`a = i` belongs to `x[a = i]` and to `scatter`");
      return false;
    }
  }
  if (positional >= least && positional <= most)
    return true;
  error("argument-count", call.range,
        "`" + call.callee.text + "` takes " + std::to_string(least) +
            (most > least ? most > 99 ? " or more" : " or " + std::to_string(most) : "") + " value" +
            (most == 1 ? "" : "s") + ", here " + (positional == 1 ? "is 1" : "are " + std::to_string(positional)));
  return false;
}

const Argument *Elaborator::labelled(const CallExpr &call, llvm::StringRef label, bool needed) {
  const Argument *found = nullptr;
  for (const Argument &argument : call.arguments)
    if (argument.kind == Argument::Kind::Labelled && argument.label == label) {
      if (found) {
        error("argument-twice", argument.range, ("`" + label + ":` is given twice").str()).also(found->range);
        return nullptr;
      }
      found = &argument;
    }
  if (!found && needed)
    error("missing-argument", call.range, ("`" + call.callee.text + "` needs `" + label + ":`").str())
        .suggest(("add `, " + label + ": ...` with the name of an axis").str());
  return found;
}

std::optional<std::vector<const AxisInfo *>> Elaborator::over(const CallExpr &call) {
  const Argument *argument = labelled(call, "over");
  return argument ? axesOf(*argument->value) : std::nullopt;
}

/// Of one number: the float functions, `abs` (keeps ints), `int` and `float`.
Operand Elaborator::elementwiseCall(const CallExpr &call, Kind kind) {
  if (!shape(call, 1, 1, {}))
    return {};
  const std::string &name = call.callee.text;
  SourceRange range = call.arguments[0].value->range;
  Operand x = expression(*call.arguments[0].value);
  if (!x)
    return {};
  if (name == "int")
    return toInt(x, call.range);
  if (name == "float")
    return toFloat(x, call.range);
  if (!numeric(x, range, "`" + name + "`"))
    return {};
  if (kind != Kind::Abs)
    x = toFloat(x, range);
  return x ? elementwise(kind, x.element(), {x}, call.range) : Operand{};
}

Operand Elaborator::reductionCall(const CallExpr &call) {
  if (!shape(call, 1, 1, {"over"}))
    return {};
  Operand x = expression(*call.arguments[0].value);
  auto axes = over(call);
  if (!x || !axes)
    return {};
  if (x.element() == Element::Bool)
    x = toInt(x, call.arguments[0].value->range);
  return reduce(Kind::Sum, x, *axes, call.range);
}

Operand Elaborator::meanCall(const CallExpr &call) {
  if (!shape(call, 1, 1, {"over"}))
    return {};
  Operand x = expression(*call.arguments[0].value);
  auto axes = over(call);
  if (!x || !axes)
    return {};
  Operand sum = reduce(Kind::Sum, toFloat(x, call.arguments[0].value->range), *axes, call.range);
  double count = 1;
  for (const AxisInfo *axis : *axes)
    count *= double(axis->length);
  return elementwise(Kind::Div, Element::Float, {sum, constantFloat(count, call.range)}, call.range);
}

/// `max(x, over: a)` is a reduction, `max(x, y)` elementwise.
Operand Elaborator::extremumCall(const CallExpr &call, Kind overKind, Kind pairwise) {
  if (!shape(call, 1, 2, {"over"}))
    return {};
  std::string what = "`" + call.callee.text + "`";
  std::vector<Operand> values;
  for (const Argument &argument : call.arguments)
    if (argument.kind == Argument::Kind::Positional) {
      values.push_back(expression(*argument.value));
      if (!numeric(values.back(), argument.value->range, what))
        return {};
    }
  if (values.size() == 1) {
    auto axes = over(call);
    return axes ? reduce(overKind, values[0], *axes, call.range) : Operand{};
  }
  if (const Argument *argument = labelled(call, "over", false)) {
    error("argument-count", argument->range, what + " of two values is elementwise and has no `over:`");
    return {};
  }
  return arithmetic(pairwise, values[0], values[1], call.range);
}

Operand Elaborator::cumsumCall(const CallExpr &call) {
  if (!shape(call, 1, 1, {"over"}))
    return {};
  Operand x = expression(*call.arguments[0].value);
  auto axes = over(call);
  if (!x || !axes)
    return {};
  if (axes->size() != 1) {
    error("one-axis", call.range, "`cumsum` runs along one axis, here are " + std::to_string(axes->size()));
    return {};
  }
  if (!notBatch(*axes->front(), call.range, "a sum along") ||
      !present(x, *axes->front(), call.range, "this sums along"))
    return {};
  if (x.element() == Element::Bool)
    x = toInt(x, call.range);
  if (!x)
    return {};
  Operand result{emit(Kind::CumSum, x.type(), {x.value}, call.range), x.isIndex, std::nullopt, nullptr};
  if (result)
    result.value->axes = {axes->front()->name};
  return result;
}

Operand Elaborator::whereCall(const CallExpr &call) {
  if (!shape(call, 3, 3, {}))
    return {};
  Operand condition = expression(*call.arguments[0].value);
  Operand yes = expression(*call.arguments[1].value), no = expression(*call.arguments[2].value);
  if (!boolean(condition, call.arguments[0].value->range, "the condition of `where`"))
    return {};
  return select(condition, yes, no, call.range);
}

/// `clamp(i, a)`: the nearest index along a.
Operand Elaborator::clampCall(const CallExpr &call) {
  if (!shape(call, 2, 2, {}))
    return {};
  Operand index = expression(*call.arguments[0].value);
  const AxisInfo *axis = axisOf(*call.arguments[1].value);
  if (!axis || !isInt(index, call.arguments[0].value->range, "`clamp`") ||
      !notBatch(*axis, call.range, "an index along"))
    return {};
  Operand low = arithmetic(Kind::Max, index, constantInt(0, call.range), call.range);
  Operand result = arithmetic(Kind::Min, low, constantInt(axis->length - 1, call.range), call.range);
  if (result) {
    Interval whole{0, axis->length - 1};
    result.interval = result.interval ? Interval{std::max(result.interval->low, whole.low),
                                                 std::min(result.interval->high, whole.high)}
                                      : whole;
  }
  return result;
}

Operand Elaborator::sizeCallValue(const CallExpr &call) {
  if (!shape(call, 1, 1, {}))
    return {};
  const AxisInfo *axis = axisOf(*call.arguments[0].value);
  if (!axis || !notBatch(*axis, call.range, "the length of"))
    return {};
  return constantInt(axis->length, call.range);
}

/// One number per element of the argument, of which only the axes matter.
Operand Elaborator::randomCall(const CallExpr &call) {
  if (!shape(call, 1, 1, {}))
    return {};
  Operand like = expression(*call.arguments[0].value);
  if (!like)
    return {};
  Frame &frame = frames.back();
  unsigned use = frame.siteUses["random"]++;
  Operand result;
  result.value = emit(Kind::Random, {Element::Float, like.type().axes}, {}, call.range);
  if (!result)
    return {};
  result.value->name = frame.site + "random" + (use ? "#" + std::to_string(use) : "");
  for (const RepeatContext &repeat : openRepeats)
    result.value->operands.push_back(repeat.round);
  return result;
}

} // namespace kinu::check
