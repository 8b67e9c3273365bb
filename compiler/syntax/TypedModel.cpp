#include "compiler/syntax/TypedModel.h"

#include "llvm/ADT/STLExtras.h"

namespace kinu::typed {

// In the order of Kind.
static constexpr std::string_view kindNames[] = {
    "input",    "read_variable",
    "constant", "axis_index",
    "random",   "carried",
    "round",    "neg",
    "abs",      "exp",
    "log",      "sqrt",
    "rsqrt",    "tanh",
    "erf",      "sin",
    "cos",      "not",
    "to_float", "to_int",
    "fp32",     "add",
    "sub",      "mul",
    "div",      "pow",
    "floordiv", "mod",
    "max",      "min",
    "and",      "or",
    "eq",       "ne",
    "lt",       "le",
    "gt",       "ge",
    "where",    "dot",
    "sum",      "max_over",
    "min_over", "cumsum",
    "lookup",   "scatter",
    "top",      "rename",
    "slice",    "split",
    "join",     "concat",
    "repeat",   "repeat_result",
};
static_assert(std::size(kindNames) == size_t(Kind::RepeatResult) + 1);

std::string_view name(Kind kind) { return kindNames[size_t(kind)]; }

const Axis *Type::find(std::string_view name) const {
  auto found = llvm::find_if(axes, [&](const Axis &axis) { return axis.name == name; });
  return found == axes.end() ? nullptr : &*found;
}

int64_t Type::elements() const {
  int64_t count = 1;
  for (const Axis &axis : axes)
    count *= axis.length;
  return count;
}

Value *Model::make(Kind kind, Type type, SourceRange range) {
  Value &value = arena.emplace_back();
  value.kind = kind;
  value.type = std::move(type);
  value.range = range;
  return &value;
}

const Variable *Model::findVariable(std::string_view path) const {
  auto found = llvm::find_if(variables, [&](const Variable &variable) { return variable.path == path; });
  return found == variables.end() ? nullptr : &*found;
}

int64_t parameterCount(const Variable &variable) { return Type{Element::Float, variable.axes}.elements(); }

int64_t Model::parameterCount() const {
  int64_t count = 0;
  for (const Variable &variable : variables)
    count += typed::parameterCount(variable);
  return count;
}

} // namespace kinu::typed
