// Instances of blocks, and the weights made in them: known by path, stacked over the repeats around.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

static bool sameRepeats(llvm::ArrayRef<RepeatContext> left, llvm::ArrayRef<RepeatContext> right) {
  return llvm::equal(left, right, [](const RepeatContext &a, const RepeatContext &b) {
    return a.axis == b.axis && a.count == b.count;
  });
}

/// The instance `name` of this place. A block that is expanded again (it is shared) finds its instances again.
Instance *Elaborator::instantiate(Function &function, const Name &name, const CallExpr &call) {
  Frame &frame = frames.back();
  if (frame.function && !frame.function->syntax->isBlock) {
    error("block-in-def", call.range, "`" + function.syntax->name.text + "` has weights, a `def` has none")
        .suggest("make `" + frame.function->syntax->name.text + "` a `block`");
    return nullptr;
  }
  Instance made;
  made.function = &function;
  made.path = frame.path + name.text;
  made.repeats = frame.repeats;
  made.range = name.range;
  if (!bindAxesAndNumbers(function, call, made))
    return nullptr;
  auto [first, isNew] = frame.paths.try_emplace(made.path, name.range);
  if (!isNew) {
    error("block-twice", name.range,
          "`" + name.text + "` is called here a second time: its weights would have the same names")
        .note(first->second, "called first here")
        .suggest("make an instance for each: `use first, second = " + function.syntax->name.text + "(...)`");
    return nullptr;
  }
  Instance *&known = instancesByPath[made.path];
  if (!known)
    return known = &instances.emplace_back(std::move(made));
  if (known->function != &function || !sameRepeats(known->repeats, made.repeats)) {
    error("equal-paths", name.range, "two blocks would have the path `" + made.path + "`")
        .note(known->range, "the other is here");
    return nullptr;
  }
  made.calls = known->calls;
  *known = std::move(made);
  return known;
}

void Elaborator::useStatement(const UseStatement &statement) {
  const CallExpr &call = *statement.call;
  Entity *callee = scope->find(call.callee.text);
  if (!callee)
    unknownName(call.callee, "block", Entity::Kind::Function);
  bool isBlock =
      callee && callee->kind == Entity::Kind::Function && callee->function && callee->function->syntax->isBlock;
  if (callee && !isBlock && (callee->kind != Entity::Kind::Function || callee->function))
    error("not-a-block", call.callee.range, "`use` makes instances of a block, `" + call.callee.text + "` is none");
  bool valid = isBlock && checkLabels(*callee->function, call, true);
  for (const Argument &argument : call.arguments)
    if (valid && argument.kind == Argument::Kind::Positional) {
      error("tensor-at-use", argument.range, "`use` fixes axes and numbers, tensors are given where it is called");
      valid = false;
    }
  for (const Name &name : statement.names) {
    Entity entity;
    entity.kind = Entity::Kind::Instance;
    Entity *declared = declare(name, entity);
    if (declared && valid)
      declared->instance = instantiate(*callee->function, name, call);
    valid &= declared == nullptr || declared->instance != nullptr;
  }
}

void Elaborator::weightStatement(const WeightStatement &statement) {
  Frame &frame = frames.back();
  if (frame.function && !frame.instance) {
    error("weight-in-def", statement.range, "a `def` has no weights")
        .suggest("make `" + frame.function->syntax->name.text + "` a `block`");
    for (const WeightStatement::Item &item : statement.items)
      declare(item.name, {});
    return;
  }
  for (size_t i = 0; i < statement.items.size(); ++i)
    declareWeight(statement, i);
}

static typed::Role roleOf(WeightStatement::Role role) {
  switch (role) {
  case WeightStatement::Role::Bias: return typed::Role::Bias;
  case WeightStatement::Role::Gain: return typed::Role::Gain;
  case WeightStatement::Role::Weight: break;
  }
  return typed::Role::Weight;
}

bool Elaborator::weightAxes(const AxisList *list, typed::Variable &variable) {
  for (const RepeatContext &repeat : frames.back().repeats)
    variable.axes.push_back({repeat.axis, repeat.count});
  variable.repeatAxes = variable.axes.size();
  for (const AxisEntry &entry : list ? llvm::ArrayRef(list->entries) : llvm::ArrayRef<AxisEntry>()) {
    if (entry.isRest) {
      error("rest-in-weight", entry.range, "the axes of a weight are written out: their order matters in files");
      return false;
    }
    const AxisInfo *axis = this->axis(entry.name);
    if (!axis)
      return false;
    if (axis->root->bound) {
      error("bound-axis-weight", entry.range,
            "`" + axis->name + "` is bound by the run: a weight would change its size with it")
          .suggest(axis->root->most
                       ? "declare an axis of the largest length and look up in it: `w[position = " + axis->name + "]`"
                       : "weights have axes of fixed length");
      return false;
    }
    if (llvm::any_of(variable.axes, [&](const typed::Axis &other) { return other.name == axis->name; })) {
      error("axis-twice", entry.range, "the axis `" + axis->name + "` is here twice").also(list->range);
      return false;
    }
    variable.axes.push_back(typedAxis(*axis));
  }
  return soundType({Element::Float, variable.axes}, list ? list->range : variable.range);
}

void Elaborator::declareWeight(const WeightStatement &statement, size_t index) {
  const WeightStatement::Item &item = statement.items[index];
  Entity *entity = declare(item.name, {});
  const Expr *initial = statement.initialiserOf(index);
  if (!entity)
    return;
  if (!initial) {
    error("no-initialiser", item.name.range, "nothing says how `" + item.name.text + "` starts")
        .suggest("add ` = normal(0.02)` or ` = zeros`");
    return;
  }
  typed::Variable variable;
  variable.path = frames.back().path + item.name.text;
  variable.role = roleOf(statement.role);
  variable.range = item.name.range;
  bool hasAxes = weightAxes(statement.axesOf(index), variable);
  auto initialised = initialiser(*initial);
  if (!hasAxes || !initialised)
    return;
  variable.initialiser = *initialised;

  // A shared block that is called again comes past the same statement with the same path.
  auto [owner, isNew] = variableOwners.try_emplace(variable.path, &item);
  const typed::Variable *known = model.findVariable(variable.path);
  if (!isNew && (owner->second != &item || !known || known->axes != variable.axes)) {
    auto &diagnostic = error("equal-paths", item.name.range, "two weights would have the path `" + variable.path + "`");
    if (known && !(known->range == item.name.range))
      diagnostic.note(known->range, "the other is here");
    return;
  }
  if (isNew)
    model.variables.push_back(variable);
  entity->operand = plain(readVariable(variable, frames.back().repeats, item.name.range));
}

typed::Value *Elaborator::readVariable(const typed::Variable &variable, llvm::ArrayRef<RepeatContext> repeats,
                                       SourceRange range) {
  std::vector<typed::Value *> rounds;
  for (const RepeatContext &repeat : repeats)
    rounds.push_back(repeat.round);
  typed::Type type{Element::Float, {variable.axes.begin() + variable.repeatAxes, variable.axes.end()}};
  typed::Value *value = emit(Kind::ReadVariable, std::move(type), rounds, range);
  if (value)
    value->name = variable.path;
  return value;
}

std::optional<double> Elaborator::number(const Expr &expr, llvm::StringRef what) {
  Operand value = expression(expr);
  if (!value)
    return std::nullopt;
  if (value.isConstant() && value.element() != Element::Bool)
    return value.element() == Element::Int ? double(value.value->integer) : value.value->number;
  error("not-a-number", expr.range, (what + " is a constant number").str());
  return std::nullopt;
}

std::optional<typed::Initialiser> Elaborator::initialiser(const Expr &expr) {
  using Initial = typed::Initialiser::Kind;
  if (auto *name = llvm::dyn_cast<NameExpr>(&expr); name && (name->name == "zeros" || name->name == "ones"))
    return typed::Initialiser{name->name == "zeros" ? Initial::Zeros : Initial::Ones, 0, 0};
  auto *call = llvm::dyn_cast<CallExpr>(&expr);
  std::string which = call ? call->callee.text : "";
  bool normal = which == "normal" || which == "truncated_normal";
  if (!normal && which != "uniform") {
    error("unknown-initialiser", expr.range, "this is not a way to start weights")
        .suggest("there are `normal(0.02)`, `truncated_normal(0.02)`, `uniform(-0.1, 0.1)`, `zeros` and `ones`");
    return std::nullopt;
  }
  if (!shape(*call, normal ? 1 : 2, normal ? 1 : 2,
             normal ? llvm::ArrayRef<llvm::StringRef>{"mean"} : llvm::ArrayRef<llvm::StringRef>{}))
    return std::nullopt;
  std::vector<double> numbers;
  double mean = 0;
  for (const Argument &argument : call->arguments) {
    auto value = number(*argument.value, "an argument of `" + which + "`");
    if (!value)
      return std::nullopt;
    if (!std::isfinite(*value)) {
      error("bad-initialiser", argument.range, "this is not a finite number");
      return std::nullopt;
    }
    if (argument.kind == Argument::Kind::Positional)
      numbers.push_back(*value);
    else
      mean = *value;
  }
  if (normal && numbers[0] < 0) {
    error("bad-initialiser", call->range, "a standard deviation is not negative");
    return std::nullopt;
  }
  if (!normal && numbers[0] > numbers[1]) {
    error("bad-initialiser", call->range, "`uniform(a, b)` needs a to be at most b");
    return std::nullopt;
  }
  if (normal)
    return typed::Initialiser{which == "normal" ? Initial::Normal : Initial::TruncatedNormal, mean, numbers[0]};
  return typed::Initialiser{Initial::Uniform, numbers[0], numbers[1]};
}

} // namespace kinu::check
