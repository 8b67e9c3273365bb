// Calls of defs, blocks and instances: arguments against parameters, then the body in a frame of its own.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

static constexpr unsigned maxCalls = 100000;
static constexpr size_t maxDepth = 100;

Operand Elaborator::callExpression(const CallExpr &call) {
  Entity *entity = scope->find(call.callee.text);
  if (!entity && isBuiltin(call.callee.text))
    return builtin(call);
  if (!entity) {
    // A function does not see itself: its name is below its own body.
    for (const Frame &frame : frames)
      if (frame.function && call.callee == frame.function->syntax->name.text) {
        mayExpand(*frame.function, call);
        return {};
      }
    unknownName(call.callee, "function");
    return {};
  }
  if (entity->kind == Entity::Kind::Function)
    return entity->function ? callFunction(*entity->function, nullptr, call) : Operand{};
  if (entity->kind == Entity::Kind::Instance)
    return entity->instance ? callFunction(*entity->instance->function, entity->instance, call) : Operand{};
  error("not-a-function", call.callee.range, "`" + call.callee.text + "` is not a function")
      .note(entity->range, "declared here");
  return {};
}

Operand Elaborator::callFunction(Function &function, Instance *instance, const CallExpr &call) {
  if (call.otherwise) {
    error("else-drop", call.otherwise->range, "`else` belongs to a lookup or to `scatter`");
    return {};
  }
  std::vector<Operand> tensors;
  bool labels = checkLabels(function, call, false);
  if (!labels || !bindTensors(function, call, tensors) || function.broken)
    return {};
  if (instance)
    return expand(function, *instance, call, tensors);
  if (function.syntax->isBlock) {
    instance = instantiate(function, call.callee, call);
    return instance ? expand(function, *instance, call, tensors) : Operand{};
  }
  Instance fixed;
  return bindAxesAndNumbers(function, call, fixed) ? expand(function, fixed, call, tensors) : Operand{};
}

static bool isParameterLabel(const Parameter &parameter, llvm::StringRef label) {
  return parameter.kind == Parameter::Kind::Number ? parameter.name == label
                                                   : parameter.label && *parameter.label == label;
}

bool Elaborator::checkLabels(Function &function, const CallExpr &call, bool atUse) {
  bool valid = true;
  for (const Argument &argument : call.arguments) {
    if (argument.kind == Argument::Kind::Index) {
      error("index-argument", argument.range, "`a = i` belongs to `x[a = i]` and to `scatter`")
          .suggest("a labelled argument is written `" + argument.label.text + ": ...`");
      valid = false;
    }
    if (argument.kind != Argument::Kind::Labelled)
      continue;
    bool known = llvm::any_of(function.syntax->parameters, [&](const Parameter &parameter) {
      return isParameterLabel(parameter, argument.label.text) && !(atUse && parameter.kind == Parameter::Kind::Tensor);
    });
    if (known)
      continue;
    std::vector<std::string> labels;
    for (const Parameter &parameter : function.syntax->parameters)
      if (parameter.kind == Parameter::Kind::Number || parameter.label)
        labels.push_back(parameter.kind == Parameter::Kind::Number ? parameter.name.text : parameter.label->text);
    auto &diagnostic = error("unknown-label", argument.label.range,
                             "`" + function.syntax->name.text + "` has no `" + argument.label.text + ":`");
    if (!labels.empty())
      diagnostic.suggest("it has `" + llvm::join(labels, ":`, `") + ":`");
    valid = false;
  }
  return valid;
}

/// Axes and numbers are evaluated where the call stands, defaults where the function stands.
bool Elaborator::bindAxesAndNumbers(Function &function, const CallExpr &call, Instance &into) {
  bool valid = true;
  for (const Parameter &parameter : function.syntax->parameters) {
    if (parameter.kind == Parameter::Kind::Axis) {
      const Argument *given = labelled(call, parameter.label->text);
      const AxisInfo *axis = given ? axisOf(*given->value) : nullptr;
      into.axes[parameter.name.text] = axis;
      valid &= axis != nullptr;
    } else if (parameter.kind == Parameter::Kind::Number) {
      valid &= bindNumber(function, parameter, call, into);
    }
  }
  return valid;
}

bool Elaborator::bindNumber(Function &function, const Parameter &parameter, const CallExpr &call, Instance &into) {
  const Argument *given = labelled(call, parameter.name.text, false);
  if (!given && !parameter.defaultValue) {
    error("missing-argument", call.range, "`" + function.syntax->name.text + "` needs `" + parameter.name.text + ":`")
        .suggest("add `, " + parameter.name.text + ": ...`");
    return false;
  }
  Operand value;
  if (given) {
    value = expression(*given->value);
  } else {
    Scope *caller = std::exchange(scope, function.scope);
    value = expression(*parameter.defaultValue);
    scope = caller;
  }
  into.numbers[parameter.name.text] = value;
  if (!value)
    return false;
  if (value.isIndex && value.type().axes.empty())
    return true;
  error("not-a-number", given ? given->value->range : parameter.range,
        "`" + parameter.name.text + "` of `" + function.syntax->name.text +
            "` is a number, this is a value with axes " + show(value.type().axes));
  return false;
}

/// Evaluates the tensor arguments; `tensors` follows the tensor parameters.
bool Elaborator::bindTensors(Function &function, const CallExpr &call, std::vector<Operand> &tensors) {
  std::vector<const Argument *> positional;
  for (const Argument &argument : call.arguments)
    if (argument.kind == Argument::Kind::Positional)
      positional.push_back(&argument);
  size_t next = 0, wanted = 0;
  bool valid = true;
  for (const Parameter &parameter : function.syntax->parameters) {
    if (parameter.kind != Parameter::Kind::Tensor)
      continue;
    const Argument *given = nullptr;
    if (parameter.label) {
      given = labelled(call, parameter.label->text);
      valid &= given != nullptr;
    } else {
      ++wanted;
      given = next < positional.size() ? positional[next++] : nullptr;
    }
    tensors.push_back(given ? expression(*given->value) : Operand{});
    valid &= bool(tensors.back());
  }
  if (positional.size() == wanted)
    return valid;
  auto &diagnostic = error("argument-count", call.range,
                           "`" + function.syntax->name.text + "` takes " + std::to_string(wanted) + " tensor" +
                               (wanted == 1 ? "" : "s") + ", here " +
                               (positional.size() == 1 ? "is 1" : "are " + std::to_string(positional.size())));
  if (positional.size() > wanted)
    diagnostic.suggest("axes and numbers are given by label: `over: ...`");
  return false;
}

bool Elaborator::mayExpand(Function &function, const CallExpr &call) {
  const std::string &name = function.syntax->name.text;
  if (function.active) {
    error("recursive-call", call.range, "`" + name + "` calls itself: its expansion would never end")
        .suggest("use `repeat`");
    return false;
  }
  if (++calls > maxCalls || frames.size() > maxDepth)
    giveUp("model-too-large", call.range,
           "the model expands to more than " + std::to_string(maxCalls) + " calls, or " + std::to_string(maxDepth) +
               " inside one another");
  return !gaveUp;
}

/// The frame of a call: who owns the weights made in it, and how they and its random numbers are called.
Frame Elaborator::calleeFrame(Function &function, Instance &fixed, const CallExpr &call) {
  Frame &caller = frames.back();
  const std::string &name = function.syntax->name.text;
  auto numbered = [](std::string site, unsigned use) { return use ? site + "#" + std::to_string(use) : site; };
  Frame frame;
  frame.function = &function;
  frame.call = call.range;
  if (function.syntax->isBlock) {
    frame.instance = &fixed;
    frame.path = fixed.path + ".";
    frame.repeats = fixed.repeats;
    frame.site = numbered(fixed.path, fixed.calls++) + ".";
  } else {
    frame.site = numbered(caller.site + name, caller.siteUses[name]++) + ".";
  }
  return frame;
}

/// Expands a call in a scope and frame of its own, which are left again whatever happens.
Operand Elaborator::expand(Function &function, Instance &fixed, const CallExpr &call, llvm::ArrayRef<Operand> tensors) {
  if (!mayExpand(function, call))
    return {};
  frames.push_back(calleeFrame(function, fixed, call));
  Scope *outerScope = std::exchange(scope, &scopes.emplace_back(Scope{function.scope, function.order, {}}));
  const AxisSet *outerDeclared = std::exchange(declaredAxes, nullptr);
  size_t outerRepeats = std::exchange(repeatsAtEntry, openRepeats.size());
  unsigned errorsBefore = diagnostics.errorCount();
  function.active = function.called = true;

  enterAxesAndNumbers(function, fixed);
  if (enterTensors(function, call, tensors)) {
    unsigned errorsAtBody = diagnostics.errorCount();
    expandBody(*function.syntax);
    function.broken |= diagnostics.errorCount() != errorsAtBody;
  }
  Operand result = diagnostics.errorCount() == errorsBefore ? frames.back().returned : Operand{};

  function.active = false;
  repeatsAtEntry = outerRepeats;
  declaredAxes = outerDeclared;
  scope = outerScope;
  frames.pop_back();
  return result;
}

void Elaborator::expandBody(const FunctionStatement &syntax) {
  if (syntax.result) {
    auto declared = axes(*syntax.result);
    if (!declared)
      return;
    frames.back().result.emplace();
    for (const AxisInfo *axis : *declared)
      frames.back().result->insert(axis->name);
  }
  body(syntax.body);
  if (!frames.back().hasReturned && !gaveUp)
    error("no-return", syntax.name.range, "`" + syntax.name.text + "` returns nothing")
        .suggest("end it with `return ...`");
}

void Elaborator::enterAxesAndNumbers(Function &function, Instance &fixed) {
  for (const Parameter &parameter : function.syntax->parameters) {
    Entity entity;
    if (parameter.kind == Parameter::Kind::Axis) {
      entity.kind = Entity::Kind::Axis;
      entity.axis = fixed.axes[parameter.name.text];
    } else if (parameter.kind == Parameter::Kind::Number) {
      entity.operand = fixed.numbers[parameter.name.text];
    } else {
      continue;
    }
    declare(parameter.name, entity);
  }
}

/// Enters the tensor parameters into the function's scope; fixes what its rest-axes stand for.
bool Elaborator::enterTensors(Function &function, const CallExpr &call, llvm::ArrayRef<Operand> tensors) {
  size_t next = 0, nextPositional = 0;
  for (const Parameter &parameter : function.syntax->parameters) {
    if (parameter.kind != Parameter::Kind::Tensor)
      continue;
    Operand argument = tensors[next++];
    SourceRange range = call.range;
    size_t positional = 0;
    for (const Argument &given : call.arguments)
      if (parameter.label ? given.kind == Argument::Kind::Labelled && given.label == parameter.label->text
                          : given.kind == Argument::Kind::Positional && positional++ == nextPositional)
        range = given.value->range;
    nextPositional += !parameter.label;
    if (!matchAxes(parameter, argument, range, function.syntax->name.text) || !matchElement(parameter, argument, range))
      return false;
    Entity entity;
    entity.operand = argument;
    entity.frameDepth = frames.size();
    declare(parameter.name, entity);
  }
  return true;
}

bool Elaborator::matchAxes(const Parameter &parameter, const Operand &argument, SourceRange range,
                           llvm::StringRef callee) {
  std::string what = "`" + parameter.name.text + "` of `" + callee.str() + "`";
  std::vector<const AxisInfo *> rest;
  AxisSet stated;
  const AxisEntry *restEntry = nullptr;
  for (const AxisEntry &entry : parameter.axes.entries) {
    if (entry.isRest) {
      restEntry = &entry;
      continue;
    }
    const AxisInfo *needed = axis(entry.name);
    if (!needed)
      return false;
    stated.insert(needed->name);
    if (!argument.type().find(needed->name)) {
      auto &diagnostic = error("argument-axes", range,
                               what + " needs the axis `" + needed->name + "`, this has " + show(argument.type().axes));
      std::string hint = renameHint(argument.type(), *needed);
      if (!hint.empty())
        diagnostic.suggest(hint);
      return false;
    }
  }
  for (const typed::Axis &axis : argument.type().axes)
    if (!stated.count(axis.name))
      rest.push_back(info(axis));
  if (!restEntry) {
    if (rest.empty())
      return true;
    error("argument-axes", range,
          what + " has axes " + show(stated) + ", this has " + show(argument.type().axes) + ": `" + rest.front()->name +
              "` is one too many");
    return false;
  }
  auto [known, isNew] = frames.back().rests.try_emplace(restEntry->name.text, rest);
  if (isNew)
    return true;
  bool equal = known->second.size() == rest.size() &&
               llvm::all_of(rest, [&](const AxisInfo *axis) { return llvm::is_contained(known->second, axis); });
  if (equal)
    return true;
  std::vector<typed::Axis> expected;
  for (const AxisInfo *axis : known->second)
    expected.push_back(typedAxis(*axis));
  for (const std::string &name : stated)
    expected.push_back({name, 0});
  error("argument-axes", range,
        what + " has axes " + show(expected) + " in this call, this has " + show(argument.type().axes))
      .note(restEntry->range, "`..." + restEntry->name.text + "` stands for the same axes throughout");
  return false;
}

bool Elaborator::matchElement(const Parameter &parameter, Operand &argument, SourceRange range) {
  std::string what = "`" + parameter.name.text + "`";
  switch (parameter.type.kind) {
  case TypeMark::Kind::Float:
    if (argument.element() == Element::Bool) {
      error("bool-as-number", range, what + " is float, this is a bool")
          .note(parameter.range, "declared here")
          .suggest("mark the parameter: `" + parameter.name.text + "[...] bool`");
      return false;
    }
    argument = toFloat(argument, range);
    return bool(argument);
  case TypeMark::Kind::Bool: return boolean(argument, range, what);
  case TypeMark::Kind::Int: return isInt(argument, range, what);
  case TypeMark::Kind::Id: {
    const AxisInfo *axis = this->axis(parameter.type.axis);
    return axis && isInt(argument, range, what) &&
           inRange(argument, *axis, range, "`clamp(..., " + axis->name + ")` is in range");
  }
  }
  return false;
}

} // namespace kinu::check
