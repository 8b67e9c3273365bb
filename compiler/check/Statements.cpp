// Statements of a body, but for weights (Instances.cpp) and repeats (Repeats.cpp).
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

void Elaborator::body(const Body &body) {
  for (const StatementPtr &one : body.statements) {
    if (gaveUp)
      return;
    if (frames.back().hasReturned) {
      error("after-return", one->range, "nothing can follow `return`");
      return;
    }
    statement(*one);
  }
}

void Elaborator::statement(const Statement &statement) {
  bool inModel = frames.size() == 1;
  auto onlyInModel = [&](llvm::StringRef what) {
    if (inModel && openRepeats.empty())
      return true;
    error("only-in-model", statement.keyword,
          ("`" + what + "` stands in the model itself, not inside a block or repeat").str());
    return false;
  };
  switch (statement.kind) {
  case Statement::Kind::Size: return sizeStatement(llvm::cast<SizeStatement>(statement));
  case Statement::Kind::Axis: return axisStatement(llvm::cast<AxisStatement>(statement));
  case Statement::Kind::Let: return letStatement(llvm::cast<LetStatement>(statement));
  case Statement::Kind::Input:
    if (onlyInModel("input"))
      inputStatement(llvm::cast<InputStatement>(statement));
    return;
  case Statement::Kind::Weight: return weightStatement(llvm::cast<WeightStatement>(statement));
  case Statement::Kind::Function: return functionStatement(llvm::cast<FunctionStatement>(statement), *scope);
  case Statement::Kind::Use: return useStatement(llvm::cast<UseStatement>(statement));
  case Statement::Kind::Repeat: return repeatStatement(llvm::cast<RepeatStatement>(statement));
  case Statement::Kind::Assign: return assignStatement(llvm::cast<AssignStatement>(statement));
  case Statement::Kind::Return: return returnStatement(llvm::cast<ReturnStatement>(statement));
  case Statement::Kind::Output:
    if (onlyInModel("output"))
      outputStatement(llvm::cast<OutputStatement>(statement));
    return;
  case Statement::Kind::Loss:
    if (onlyInModel("loss"))
      lossStatement(llvm::cast<LossStatement>(statement));
    return;
  case Statement::Kind::Aux: return auxStatement(llvm::cast<AuxStatement>(statement));
  case Statement::Kind::Metric: return metricStatement(llvm::cast<MetricStatement>(statement));
  }
}

void Elaborator::sizeStatement(const SizeStatement &statement) {
  for (const SizeStatement::Item &item : statement.items) {
    Entity entity;
    entity.kind = Entity::Kind::Size;
    entity.size = size(*item.value);
    auto define = options.defines.find(item.name.text);
    if (define != options.defines.end() && frames.size() == 1) {
      entity.size = define->second;
      usedDefines.insert(item.name.text);
    }
    declare(item.name, entity);
  }
}

Operand Elaborator::undeclaredValue(const Expr &expr) {
  const AxisSet *outer = std::exchange(declaredAxes, nullptr);
  Operand value = expression(expr);
  declaredAxes = outer;
  return value;
}

static AxisSet namesOf(const typed::Type &type) {
  AxisSet names;
  for (const typed::Axis &axis : type.axes)
    names.insert(axis.name);
  return names;
}

Operand Elaborator::declaredValue(const Expr &expr, const AxisSet &declared, llvm::StringRef what, SourceRange where) {
  const AxisSet *outer = std::exchange(declaredAxes, &declared);
  Operand value = expression(expr);
  declaredAxes = outer;
  if (!value)
    return {};
  AxisSet actual = namesOf(value.type());
  if (actual == declared)
    return value;
  std::vector<std::string> missing, extra;
  llvm::copy_if(declared, std::back_inserter(missing), [&](const std::string &name) { return !actual.count(name); });
  llvm::copy_if(actual, std::back_inserter(extra), [&](const std::string &name) { return !declared.count(name); });
  auto quoted = [](llvm::ArrayRef<std::string> names) { return "`" + llvm::join(names, "`, `") + "`"; };
  std::string message = (what + " has axes " + show(declared) + ", but the value has " + show(value.type().axes)).str();
  auto &diagnostic = error("declared-axes", expr.range, message);
  if (where.file == expr.range.file && !where.empty())
    diagnostic.also(where);
  if (!extra.empty())
    diagnostic.suggest("sum over " + quoted(extra) + " with `@{...}` or `sum(..., over: ...)`, or declare " +
                       (extra.size() == 1 ? "it" : "them"));
  else
    diagnostic.suggest("the value does not depend on " + quoted(missing) + ": leave " +
                       (missing.size() == 1 ? "it" : "them") + " out");
  return {};
}

void Elaborator::letStatement(const LetStatement &statement) {
  Entity entity;
  entity.isLet = true;
  entity.frameDepth = frames.size();
  entity.repeatDepth = openRepeats.size();
  if (statement.axes) {
    if (auto declared = axes(*statement.axes)) {
      AxisSet names;
      for (const AxisInfo *axis : *declared)
        names.insert(axis->name);
      entity.operand = declaredValue(*statement.value, names, "`" + statement.name.text + "`", statement.axes->range);
    }
  } else {
    entity.operand = undeclaredValue(*statement.value);
  }
  declare(statement.name, entity);
}

void Elaborator::inputStatement(const InputStatement &statement) {
  for (size_t i = 0; i < statement.items.size(); ++i) {
    const Name &name = statement.items[i].name;
    const InputStatement::Item *stated = statement.shapeOf(i);
    const TypeMark &mark = stated ? stated->type : statement.items[i].type;
    typed::Input input{name.text, {}, std::nullopt, name.range};
    Entity entity;
    auto list = stated && stated->axes ? axes(*stated->axes) : std::vector<const AxisInfo *>();
    const AxisInfo *idOf = nullptr;
    bool valid = list.has_value();
    if (mark.kind == TypeMark::Kind::Id) {
      idOf = axis(mark.axis);
      valid &= idOf != nullptr && notBatch(*idOf, mark.range, "an index into");
      input.type.element = Element::Int;
    } else if (mark.kind != TypeMark::Kind::Float) {
      input.type.element = mark.kind == TypeMark::Kind::Int ? Element::Int : Element::Bool;
    }
    for (const AxisInfo *axis : valid ? *list : std::vector<const AxisInfo *>())
      input.type.axes.push_back(typedAxis(*axis));
    if (valid && soundType(input.type, name.range)) {
      Operand operand;
      operand.value = emit(Kind::Input, input.type, {}, name.range);
      if (!operand)
        return;
      operand.value->name = name.text;
      if (idOf) {
        input.below = idOf->length;
        operand.interval = Interval{0, idOf->length - 1};
      }
      model.inputs.push_back(input);
      entity.operand = operand;
    }
    declare(name, entity);
  }
}

void Elaborator::functionStatement(const FunctionStatement &statement, Scope &into) {
  Scope *outer = std::exchange(scope, &into);
  Entity entity;
  entity.kind = Entity::Kind::Function;
  if (Entity *declared = declare(statement.name, entity)) {
    declared->function = &functions.emplace_back();
    declared->function->syntax = &statement;
    declared->function->scope = &into;
    declared->function->order = declared->order;
  }
  scope = outer;
}

void Elaborator::assignStatement(const AssignStatement &statement) {
  Entity *entity = scope->find(statement.name.text);
  if (!entity) {
    unknownName(statement.name, "value");
    return;
  }
  if (entity->kind != Entity::Kind::Value || !entity->isLet) {
    error("assign-not-let", statement.name.range, "only a `let` can be assigned, `" + statement.name.text + "` is none")
        .note(entity->range, "declared here");
    return;
  }
  if (entity->frameDepth != frames.size() || entity->repeatDepth >= openRepeats.size()) {
    error("assign-outside-repeat", statement.range,
          "`" + statement.name.text + "` can be assigned only in a `repeat` that its `let` stands before")
        .note(entity->range, "declared here")
        .suggest("give the new value a name of its own: `let next = ...`");
    return;
  }
  if (!entity->operand) {
    undeclaredValue(*statement.value); // for the errors in it
    return;
  }
  AxisSet names = namesOf(entity->operand.type());
  Element element = entity->operand.element();
  Operand value = declaredValue(*statement.value, names, "`" + statement.name.text + "`", statement.name.range);
  if (value && element == Element::Float && value.element() == Element::Int)
    value = toFloat(value, statement.value->range);
  if (value && value.element() != element) {
    error("assign-element", statement.value->range,
          "`" + statement.name.text + "` is " + show(element) + ", this is " + show(value.element()))
        .note(entity->range, "declared here")
        .suggest(element == Element::Int ? "start it as a float: `0.0`" : "keep the type");
    value = {};
  }
  entity->operand = value;
}

void Elaborator::returnStatement(const ReturnStatement &statement) {
  Frame &frame = frames.back();
  if (!frame.function) {
    error("return-outside", statement.range, "`return` belongs into a `def` or `block`")
        .suggest("a model names what it gives: `output logits`");
    return;
  }
  if (openRepeats.size() != repeatsAtEntry) {
    error("return-outside", statement.range, "`return` cannot stand inside a `repeat`");
    frame.hasReturned = true;
    return;
  }
  frame.returned = frame.result ? declaredValue(*statement.value, *frame.result,
                                                "the result of `" + frame.function->syntax->name.text + "`",
                                                frame.function->syntax->result->range)
                                : undeclaredValue(*statement.value);
  frame.hasReturned = true;
}

void Elaborator::outputStatement(const OutputStatement &statement) {
  for (const Name &name : statement.names) {
    Entity *entity = scope->find(name.text);
    if (!entity)
      unknownName(name, "value");
    else if (entity->kind != Entity::Kind::Value)
      error("not-a-value", name.range, "only a value can be an output").note(entity->range, "declared here");
    else if (llvm::any_of(model.outputs, [&](const typed::Output &output) { return output.name == name.text; }))
      error("output-twice", name.range, "`" + name.text + "` is an output already");
    else if (entity->operand)
      model.outputs.push_back({name.text, entity->operand.value});
  }
}

void Elaborator::lossStatement(const LossStatement &statement) {
  if (model.loss || lossSeen) {
    error("loss-twice", statement.range, "the model has a loss already")
        .suggest("add further terms with `aux name[batch] = ...`");
    return;
  }
  lossSeen = true;
  Operand value = undeclaredValue(*statement.value);
  Operand mask = statement.where ? undeclaredValue(*statement.where) : Operand{};
  if (!numeric(value, statement.value->range, "`loss`"))
    return;
  value = toFloat(value, statement.value->range);
  if (!value)
    return;
  bool hasBatch = llvm::any_of(value.type().axes, [&](const typed::Axis &axis) { return info(axis)->isBatch(); });
  if (!hasBatch) {
    error("loss-without-batch", statement.value->range,
          "a loss has an axis `batch`, over which it is averaged; this has " + show(value.type().axes));
    return;
  }
  if (statement.where) {
    if (!boolean(mask, statement.where->range, "`where` of a loss"))
      return;
    for (const typed::Axis &axis : mask.type().axes)
      if (!value.type().find(axis.name)) {
        error("mask-axes", statement.where->range,
              "the loss has axes " + show(value.type().axes) + ", but its `where` has also `" + axis.name + "`")
            .also(statement.value->range);
        return;
      }
  }
  if (mask && mask.isConstant()) {
    // Evaluation may leave all out that training counts (`where training`), but then there is nothing to be wrong
    // about.
    if (model.training && !mask.value->integer) {
      error("empty-loss", statement.where->range, "no element of the loss is ever counted: this is always false")
          .suggest("leave the `where` out to average over all elements");
      return;
    }
    if (mask.value->integer)
      mask = {};
  }
  model.loss = typed::Loss{value.value, mask.value};
}

} // namespace kinu::check
