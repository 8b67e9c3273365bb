// `repeat`: a region with carried values; `aux` and `metric`, which are summed over its rounds.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

static void collectAssigned(const Body &body, std::vector<std::string> &names) {
  for (const StatementPtr &statement : body.statements) {
    if (auto *assign = llvm::dyn_cast<AssignStatement>(statement.get())) {
      if (!llvm::is_contained(names, assign->name.text))
        names.push_back(assign->name.text);
    } else if (auto *repeat = llvm::dyn_cast<RepeatStatement>(statement.get())) {
      collectAssigned(repeat->body, names);
    }
  }
}

/// The outer lets that the body assigns, in order. What is wrong with an assignment is said where it stands.
std::vector<Entity *> Elaborator::carriedBy(const Body &body) {
  std::vector<std::string> names;
  collectAssigned(body, names);
  std::vector<Entity *> carried;
  for (const std::string &name : names)
    if (Entity *entity = scope->find(name); entity && entity->kind == Entity::Kind::Value && entity->isLet &&
                                            entity->operand && entity->frameDepth == frames.size())
      carried.push_back(entity);
  return carried;
}

void Elaborator::repeatStatement(const RepeatStatement &statement) {
  auto count = sizeFrom(*statement.count, 1, "the number of rounds");
  std::vector<Entity *> carried = carriedBy(statement.body);
  int64_t outerRounds = rounds;
  if (!enterRounds(count.value_or(1), statement.count->range))
    return;
  typed::Value *loopValue = emit(Kind::Repeat, {}, {}, statement.range);
  if (!loopValue)
    return;
  loopValue->repeat = std::make_unique<typed::RepeatLoop>();
  typed::RepeatLoop &loop = *loopValue->repeat;
  loop.axis = statement.name.text;
  loop.count = count.value_or(1);
  loop.round = model.make(Kind::Round, {Element::Int, {}}, statement.name.range);
  for (Entity *entity : carried) {
    typed::Value *argument = model.make(Kind::Carried, entity->operand.type(), entity->range);
    argument->integer = loop.carried.size();
    loop.carried.push_back({entity->operand.value, argument, nullptr});
    entity->operand = plain(argument);
  }

  typed::Region *outerRegion = std::exchange(region, &loop.body);
  Scope *outerScope = std::exchange(scope, &scopes.emplace_back(Scope{scope, ~0u, {}}));
  Frame &frame = frames.back();
  std::string outerPath = frame.path, outerSite = frame.site;
  frame.path += statement.name.text + ".";
  frame.site += statement.name.text + ".";
  repeatCounts[llvm::StringRef(frame.path).drop_back().str()] = loop.count;
  RepeatContext context{statement.name.text, loop.count, loop.round};
  frame.repeats.push_back(context);
  openRepeats.push_back(context);
  Sums inner;
  sums.push_back(&inner);
  Entity round;
  round.operand = Operand{loop.round, true, Interval{0, loop.count - 1}, nullptr};
  declare(statement.name, round);
  body(statement.body);
  sums.pop_back();
  rounds = outerRounds;
  openRepeats.pop_back();
  frame.repeats.pop_back();
  frame.path = outerPath;
  frame.site = outerSite;
  scope = outerScope;
  region = outerRegion;

  for (size_t i = 0; i < carried.size(); ++i) {
    typed::RepeatLoop::CarriedValue &value = loop.carried[i];
    value.next = carried[i]->operand ? carried[i]->operand.value : value.argument;
    typed::Value *result = emit(Kind::RepeatResult, value.argument->type, {loopValue}, carried[i]->range);
    if (!result)
      return;
    result->integer = i;
    // A value that an error spoilt inside the body stays spoilt behind it.
    carried[i]->operand = carried[i]->operand ? plain(result) : Operand{};
  }
  for (const typed::Aux &aux : inner.auxes)
    addAux(*sums.back(), aux.name, total(*loopValue, plain(aux.value), statement.range), statement.range);
  for (const typed::Metric &metric : inner.metrics)
    addMetric(*sums.back(), metric.name, total(*loopValue, plain(metric.sum), statement.range),
              total(*loopValue, plain(metric.count), statement.range), statement.range);
}

/// Zeros of type [batch] or scalar. There is no node that broadcasts, so those over `batch` are 0 times the index.
Operand Elaborator::zerosLike(const typed::Type &type, SourceRange range) {
  Operand zeros = constantFloat(0, range);
  for (const typed::Axis &axis : type.axes) {
    typed::Value *index = emit(Kind::AxisIndex, {Element::Int, {axis}}, {}, range);
    if (!index)
      return {};
    index->axes = {axis.name};
    zeros = elementwise(Kind::Mul, Element::Float, {toFloat(Operand{index, true, std::nullopt, nullptr}, range), zeros},
                        range);
  }
  return zeros;
}

Operand Elaborator::total(typed::Value &loopValue, Operand value, SourceRange range) {
  typed::RepeatLoop &loop = *loopValue.repeat;
  // The zeros must stand before the loop, which is in the region already.
  std::vector<typed::Value *> behind;
  auto place = llvm::find(region->values, &loopValue);
  behind.assign(place, region->values.end());
  region->values.erase(place, region->values.end());
  Operand zeros = zerosLike(value.type(), range);
  region->values.insert(region->values.end(), behind.begin(), behind.end());

  typed::Value *argument = model.make(Kind::Carried, value.type(), range);
  argument->integer = loop.carried.size();
  typed::Region *outer = std::exchange(region, &loop.body);
  Operand next = elementwise(Kind::Add, Element::Float, {plain(argument), value}, range);
  region = outer;
  typed::Value *result = emit(Kind::RepeatResult, value.type(), {&loopValue}, range);
  if (!zeros || !next || !result)
    return {};
  result->integer = argument->integer;
  loop.carried.push_back({zeros.value, argument, next.value});
  return plain(result);
}

void Elaborator::addAux(Sums &sums, const std::string &name, Operand value, SourceRange range) {
  if (!value)
    return;
  for (typed::Aux &aux : sums.auxes)
    if (aux.name == name) { // a shared block that is called again
      if (Operand sum = elementwise(Kind::Add, Element::Float, {plain(aux.value), value}, range))
        aux.value = sum.value;
      return;
    }
  sums.auxes.push_back({name, value.value});
}

void Elaborator::addMetric(Sums &sums, const std::string &name, Operand sum, Operand count, SourceRange range) {
  if (!sum || !count)
    return;
  for (typed::Metric &metric : sums.metrics)
    if (metric.name == name) {
      Operand sums = elementwise(Kind::Add, Element::Float, {plain(metric.sum), sum}, range);
      Operand counts = elementwise(Kind::Add, Element::Float, {plain(metric.count), count}, range);
      if (sums && counts)
        metric = {name, sums.value, counts.value};
      return;
    }
  sums.metrics.push_back({name, sum.value, count.value});
}

void Elaborator::auxStatement(const AuxStatement &statement) {
  Operand value;
  if (statement.axes) {
    auto declared = axes(*statement.axes);
    if (!declared)
      return;
    AxisSet names;
    for (const AxisInfo *axis : *declared)
      names.insert(axis->name);
    value = declaredValue(*statement.value, names, "`" + statement.name.text + "`", statement.axes->range);
  } else {
    value = undeclaredValue(*statement.value);
  }
  if (!numeric(value, statement.value->range, "`aux`"))
    return;
  value = toFloat(value, statement.value->range);
  if (!value)
    return;
  if (value.type().axes.size() != 1 || !info(value.type().axes[0])->isBatch()) {
    error("aux-axes", statement.axes ? statement.axes->range : statement.value->range,
          "`aux` adds one number per sequence: it has axes [batch], this has " + show(value.type().axes))
        .suggest("reduce the others: `mean(..., over: ...)`");
    return;
  }
  addAux(*sums.back(), frames.back().path + statement.name.text, value, statement.range);
}

/// Adds up all axes but `batch`.
Operand Elaborator::sumOverSequence(Operand x, SourceRange range) {
  std::vector<const AxisInfo *> over;
  for (const typed::Axis &axis : x ? x.type().axes : std::vector<typed::Axis>())
    if (!info(axis)->isBatch())
      over.push_back(info(axis));
  return over.empty() ? x : reduce(Kind::Sum, x, over, range);
}

Operand Elaborator::withBatchOf(Operand x, const Operand &like, SourceRange range) {
  if (!x || !like || x.type().axes.size() == like.type().axes.size())
    return x;
  return elementwise(Kind::Add, Element::Float, {x, zerosLike(like.type(), range)}, range);
}

void Elaborator::metricStatement(const MetricStatement &statement) {
  Operand value = undeclaredValue(*statement.value);
  Operand mask = statement.where ? undeclaredValue(*statement.where) : Operand{};
  value = toFloat(value, statement.value->range);
  SourceRange range = statement.range;
  if (!value || (statement.where && !boolean(mask, statement.where->range, "`where` of a metric")))
    return;
  Operand sum, count;
  double each = 1; // elements of `value` that share one element of the mask
  for (const typed::Axis &axis : value.type().axes)
    if (!info(axis)->isBatch() && !(mask && mask.type().find(axis.name)))
      each *= double(axis.length);
  if (mask) {
    for (const typed::Axis &axis : mask.type().axes)
      if (!value.type().find(axis.name)) {
        error("mask-axes", statement.where->range,
              "the metric has axes " + show(value.type().axes) + ", but its `where` has also `" + axis.name + "`")
            .also(statement.value->range);
        return;
      }
    sum = sumOverSequence(select(mask, value, constantFloat(0, range), range), range);
    count = sumOverSequence(select(mask, constantFloat(each, range), constantFloat(0, range), range), range);
  } else {
    sum = sumOverSequence(value, range);
    count = constantFloat(each, range);
  }
  count = withBatchOf(count, sum, range);
  addMetric(*sums.back(), frames.back().path + statement.name.text, sum, count, range);
}

} // namespace kinu::check
