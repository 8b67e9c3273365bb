// Calls that move data along axes: top, scatter and concat.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

Operand Elaborator::topCall(const CallExpr &call) {
  if (!shape(call, 1, 1, {"over", "as"}))
    return {};
  Operand x = expression(*call.arguments[0].value);
  auto axes = over(call);
  const Argument *as = labelled(call, "as");
  const AxisInfo *choice = as ? axisOf(*as->value) : nullptr;
  if (!numeric(x, call.arguments[0].value->range, "`top`") || !axes || !choice)
    return {};
  if (axes->size() != 1) {
    error("one-axis", call.range, "`top` chooses along one axis, here are " + std::to_string(axes->size()));
    return {};
  }
  const AxisInfo &from = *axes->front();
  if (!notBatch(from, call.range, "choosing along") || !present(x, from, call.range, "this chooses along"))
    return {};
  if (choice->length > from.length) {
    error("top-too-many", call.range,
          "`" + choice->name + "` has " + std::to_string(choice->length) + ", more than the " +
              std::to_string(from.length) + " of `" + from.name + "`");
    return {};
  }
  Operand result = replaceAxes(Kind::Top, x, {&from}, {choice}, call.range);
  if (!result)
    return {};
  result.value->type.element = Element::Int;
  result.interval = Interval{0, from.length - 1};
  return result;
}

/// Where `scatter` puts its elements: one index per new axis.
struct Elaborator::Destination {
  std::vector<const AxisInfo *> targets;
  std::vector<typed::Value *> indices;
  typed::Type joined; ///< axes of the value and of all indices
};

bool Elaborator::destination(const CallExpr &call, bool drop, Destination &to) {
  for (const Argument &argument : call.arguments) {
    if (argument.kind != Argument::Kind::Index)
      continue;
    const AxisInfo *target = axis(argument.label);
    Operand index = expression(*argument.value);
    SourceRange range = argument.value->range;
    if (!target || !isInt(index, range, "`scatter`") || !notBatch(*target, argument.range, "scattering along"))
      return false;
    if (!drop && !inRange(index, *target, range, "write `else drop` to drop what lies outside"))
      return false;
    to.targets.push_back(target);
    to.indices.push_back(index.value);
    for (const typed::Axis &axis : index.type().axes)
      if (!to.joined.find(axis.name))
        to.joined.axes.push_back(axis);
  }
  if (to.targets.empty())
    error("argument-count", call.range, "`scatter` needs to know where to: `axis = index`");
  return !to.targets.empty();
}

/// The axes of what is scattered, without those summed over, with the new ones.
std::optional<typed::Type> Elaborator::scatteredType(const CallExpr &call, const Destination &to,
                                                     llvm::ArrayRef<const AxisInfo *> summed) {
  for (const AxisInfo *axis : summed) {
    if (!notBatch(*axis, call.range, "summing over"))
      return std::nullopt;
    if (to.joined.find(axis->name))
      continue;
    error("absent-axis", call.range,
          "this sums over `" + axis->name + "`, but the value and its indices have axes " + show(to.joined.axes));
    return std::nullopt;
  }
  typed::Type type{to.joined.element, {}};
  for (const typed::Axis &axis : to.joined.axes)
    if (llvm::none_of(summed, [&](const AxisInfo *gone) { return gone->name == axis.name; }))
      type.axes.push_back(axis);
  for (const AxisInfo *target : to.targets) {
    if (type.find(target->name)) {
      error("axis-twice", call.range, "the result would have the axis `" + target->name + "` twice");
      return std::nullopt;
    }
    type.axes.push_back(typedAxis(*target));
  }
  return soundType(type, call.range) ? std::optional(type) : std::nullopt;
}

Operand Elaborator::scatterCall(const CallExpr &call) {
  if (!shape(call, 1, 1, {"over"}))
    return {};
  bool drop = call.otherwise && !call.otherwise->value;
  if (call.otherwise && !drop) {
    error("else-drop", call.otherwise->range, "`scatter` can only drop what lies outside").suggest("write `else drop`");
    return {};
  }
  auto value = llvm::find_if(call.arguments, [](auto &one) { return one.kind == Argument::Kind::Positional; });
  Operand x = expression(*value->value);
  auto summed = over(call);
  if (!numeric(x, value->range, "`scatter`") || !summed)
    return {};
  Destination to;
  to.joined = x.type();
  if (!destination(call, drop, to))
    return {};
  auto type = scatteredType(call, to, *summed);
  if (!type)
    return {};
  std::vector<typed::Value *> operands{x.value};
  operands.insert(operands.end(), to.indices.begin(), to.indices.end());
  Operand result;
  result.value = emit(Kind::Scatter, std::move(*type), operands, call.range);
  if (!result)
    return {};
  result.value->drop = drop;
  for (const AxisInfo *axis : *summed)
    result.value->axes.push_back(axis->name);
  for (const AxisInfo *target : to.targets)
    result.value->targets.push_back(typedAxis(*target));
  return result;
}

/// The axis to join along for each of `count` values; none after an error.
std::optional<std::vector<const AxisInfo *>> Elaborator::concatAxes(const CallExpr &call, size_t count) {
  auto axes = over(call);
  if (!axes)
    return std::nullopt;
  if (axes->size() == 1)
    axes->resize(count, axes->front());
  if (axes->size() == count)
    return axes;
  error("one-axis", call.range,
        "`over:` names one axis, or one for each of the " + std::to_string(count) + " values, here are " +
            std::to_string(axes->size()));
  return std::nullopt;
}

/// The type that all parts have once their own axis is called `whole`; none after an error.
std::optional<typed::Type> Elaborator::concatType(const CallExpr &call, llvm::ArrayRef<Operand> parts,
                                                  llvm::ArrayRef<const AxisInfo *> axes, const AxisInfo &whole) {
  int64_t total = 0;
  typed::Type type;
  for (size_t i = 0; i < parts.size(); ++i) {
    const AxisInfo &axis = *axes[i];
    if (!notBatch(axis, call.range, "concatenating along") || !present(parts[i], axis, call.range, "this joins along"))
      return std::nullopt;
    typed::Type renamed{parts[i].element(), {}};
    for (const typed::Axis &other : parts[i].type().axes)
      renamed.axes.push_back(other.name == axis.name ? typedAxis(whole) : other);
    if (i == 0)
      type = renamed;
    bool alike = renamed.element == type.element && renamed.axes.size() == type.axes.size() &&
                 llvm::all_of(renamed.axes, [&](const typed::Axis &other) { return type.find(other.name); });
    if (!alike) {
      error("concat-unlike", call.range,
            "`concat` needs values that are alike but for `over:`, these are " + show(parts[0].element()) + " " +
                show(parts[0].type().axes) + " and " + show(parts[i].element()) + " " + show(parts[i].type().axes));
      return std::nullopt;
    }
    if (__builtin_add_overflow(total, axis.length, &total))
      total = -1;
  }
  if (total != whole.length) {
    error("concat-length", call.range,
          "the lengths add up to " + std::to_string(total) + ", but `" + whole.name + "` has " +
              std::to_string(whole.length));
    return std::nullopt;
  }
  return soundType(type, call.range) ? std::optional(type) : std::nullopt;
}

/// `concat(x, y, over: half, as: dim)`, or `over: {a, b}` with an axis for each value.
Operand Elaborator::concatCall(const CallExpr &call) {
  if (!shape(call, 2, 100, {"over", "as"}))
    return {};
  std::vector<Operand> parts;
  std::vector<typed::Value *> operands;
  Operand result{nullptr, true, std::nullopt, nullptr};
  for (const Argument &argument : call.arguments)
    if (argument.kind == Argument::Kind::Positional) {
      Operand part = expression(*argument.value);
      if (!part)
        return {};
      parts.push_back(part);
      operands.push_back(part.value);
      result.isIndex &= part.isIndex;
    }
  auto axes = concatAxes(call, parts.size());
  const Argument *as = labelled(call, "as");
  const AxisInfo *whole = as ? axisOf(*as->value) : nullptr;
  auto type = axes && whole ? concatType(call, parts, *axes, *whole) : std::nullopt;
  if (!type)
    return {};
  result.value = emit(Kind::Concat, std::move(*type), operands, call.range);
  if (!result)
    return {};
  for (const AxisInfo *axis : *axes)
    result.value->axes.push_back(axis->name);
  result.value->targets = {typedAxis(*whole)};
  return result;
}

} // namespace kinu::check
