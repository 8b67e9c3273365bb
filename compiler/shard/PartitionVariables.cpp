// What enters a program, leaves it, and repeats.
#include "compiler/shard/Partition.h"

#include "dialects/kinu/FirstRound.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

/// The slice that a round reads of a stacked variable lies as the variable does.
void Partition::read(ReadOp op) {
  const StoredVariable &variable = variables[op.getVariable()];
  SmallVector<Value> rounds;
  for (Value round : op.getRounds())
    rounds.push_back(local(round, rules.whole()));
  Sharding sharding = rules.restrict(variable.sharding, op.getType());
  if (isPartial(sharding) && rounds.empty() && summed.contains(op.getVariable())) {
    const Part &part = summed[op.getVariable()];
    return values.set(op, part.value, part.sharding);
  }
  Value made =
      keepFirstRound(op, ReadOp::create(b, op.getLoc(), rules.local(op.getType(), sharding), op.getVariable(), rounds));
  values.set(op, made, sharding);
  // A gradient is summed before anything is done with it: scattered, if each rank updates its part only.
  if (isPartial(sharding)) {
    Sharding wanted = rules.sharedState(op.getType(), rules.natural(op.getType()));
    values.set(op, values.get(op, wanted), wanted);
    summed[op.getVariable()] = values.partsOf(op)[0];
  }
}

LogicalResult Partition::write(WriteOp op) {
  StoredVariable &variable = variables[op.getVariable()];
  SmallVector<Value> rounds;
  for (Value round : op.getRounds())
    rounds.push_back(local(round, rules.whole()));
  // The first program that writes it decides.
  if (std::exchange(variable.follows, false))
    variable.sharding = values.settle(op.getValue());
  WriteOp::create(b, op.getLoc(), op.getVariable(), rounds, local(op.getValue(), variable.sharding));
  return success();
}

/// Gradients of the micro-batches are added up as they are, and over ranks only when the step is done.
LogicalResult Partition::accumulate(AccumulateOp op) {
  StoredVariable &variable = variables[op.getVariable()];
  Value gradient = op.getValue();
  ArrayRef<Part> parts = values.partsOf(gradient);
  Sharding target = rules.restrict(variable.sharding, typeOf(gradient));
  bool alike = parts.size() == 1;
  for (unsigned m = 0; alike && m < target.size(); ++m)
    alike = parts[0].sharding[m] == target[m] ||
            (parts[0].sharding[m].state == OnMeshAxis::Partial && target[m].state == OnMeshAxis::Whole);
  Value value;
  if (alike) {
    value = parts[0].value;
    for (auto [stored, here] : llvm::zip(variable.sharding, parts[0].sharding))
      if (here.state == OnMeshAxis::Partial)
        stored = here;
  } else {
    value = local(gradient, target);
  }
  SmallVector<Value> rounds;
  for (Value round : op.getRounds())
    rounds.push_back(local(round, rules.whole()));
  keepFirstRound(op, AccumulateOp::create(b, op.getLoc(), op.getVariable(), rounds, value));
  return success();
}

/// Each rank is given its own sequences; what else the rules split it looks up in them.
void Partition::input(InputOp op) {
  Sharding sharding = rules.natural(op.getType());
  for (OnMeshAxis &on : sharding)
    if (on.state == OnMeshAxis::Split && on.axis != "batch")
      on = {};
  auto made = InputOp::create(b, op.getLoc(), rules.local(op.getType(), sharding), op.getName(), op.getBelowAttr());
  made->setAttr("kinu.split", rules.splitAttr(op.getType(), sharding));
  values.set(op, made, sharding);
}

/// What the runtime adds up over micro-batches, and so over ranks, too, when a step is done.
static bool isSumOfStep(StringRef output) {
  return llvm::is_contained({"$loss_sum", "$loss_count", "$aux_sum"}, output) || output.starts_with("metric.");
}

bool Partition::outputOfPartials(OutputOp op) {
  ArrayRef<Part> parts = values.partsOf(op.getValue());
  if (!isSumOfStep(op.getName()) || parts.size() != 1 || !isPartial(parts[0].sharding))
    return false;
  SmallVector<Attribute> over;
  for (auto [on, name] : llvm::zip(parts[0].sharding, rules.names)) {
    if (on.state == OnMeshAxis::Split || (on.state == OnMeshAxis::Partial && on.kind != ReductionKind::sum))
      return false;
    if (on.state == OnMeshAxis::Partial)
      over.push_back(name);
  }
  auto made = OutputOp::create(b, op.getLoc(), op.getName(), parts[0].value);
  made->setAttr(tofu::kSumOver, b.getArrayAttr(over));
  return true;
}

/// What leaves is the whole, on every rank, or its part of a sum; outputs of a model stay the sequences of the rank.
void Partition::output(OutputOp op) {
  if (outputOfPartials(op))
    return;
  Sharding wanted = rules.whole();
  if (!op.getName().starts_with("$") && !op.getName().starts_with("metric.")) {
    Sharding natural = rules.natural(typeOf(op.getValue()));
    for (auto [to, on] : llvm::zip(wanted, natural))
      if (on.state == OnMeshAxis::Split && on.axis == "batch")
        to = on;
  }
  OutputOp::create(b, op.getLoc(), op.getName(), local(op.getValue(), wanted));
}

/// Carried values lie as values between blocks do, in every round.
LogicalResult Partition::repeat(RepeatOp op) {
  SmallVector<Value> carried, stacked;
  SmallVector<Sharding> carriedAs, stackedAs;
  for (Value value : op.getCarried()) {
    carriedAs.push_back(handedOn(rules, typeOf(value)));
    carried.push_back(values.get(value, carriedAs.back()));
  }
  for (Value value : op.getStacked()) {
    Part part = values.settled(value);
    stackedAs.push_back(part.sharding);
    stacked.push_back(part.value);
  }
  // The body first: what it sums and saves says what the repeat's results are.
  auto *body = new Block();
  auto argument = [&](Value whole, const Sharding &sharding) {
    Sharding here = rules.restrict(sharding, typeOf(whole));
    values.set(whole, body->addArgument(rules.local(typeOf(whole), here), whole.getLoc()), here);
  };
  argument(op.getRound(), rules.whole());
  for (auto [whole, sharding] : llvm::zip(op.getCarriedArguments(), carriedAs))
    argument(whole, sharding);
  for (auto [whole, sharding] : llvm::zip(op.getStackedArguments(), stackedAs))
    argument(whole, sharding);

  SmallVector<Value> yielded;
  SmallVector<Sharding> yieldedAs;
  {
    OpBuilder::InsertionGuard guard(b);
    LocalValues::Scope scope(values);
    b.setInsertionPointToEnd(body);
    if (failed(visit(op.getBody().front())))
      return failure();
    unsigned sums = op.getSums().size();
    for (auto [i, value] : llvm::enumerate(op.getYield().getValues())) {
      if (i < carriedAs.size()) {
        yielded.push_back(values.get(value, carriedAs[i]));
        yieldedAs.push_back(carriedAs[i]);
        continue;
      }
      bool summed = i < carriedAs.size() + sums, single = values.partsOf(value).size() == 1;
      if (!(summed && single) || !values.partsOf(value)[0].value)
        values.settle(value);
      yieldedAs.push_back(values.partsOf(value)[0].sharding);
      Value here = values.partsOf(value)[0].value;
      yielded.push_back(here ? here : values.get(value, yieldedAs.back()));
    }
    YieldOp::create(b, op.getLoc(), yielded);
  }

  SmallVector<Type> types, sumTypes, savedTypes;
  for (auto [result, sharding] : llvm::zip(op.getResults(), carriedAs))
    types.push_back(rules.local(typeOf(result), sharding));
  unsigned next = carriedAs.size();
  for (size_t i = 0; i < op.getSums().size(); ++i)
    sumTypes.push_back(yielded[next++].getType());
  for (Value saved : op.getSaved())
    savedTypes.push_back(rules.local(typeOf(saved), yieldedAs[next++]));
  auto made = RepeatOp::create(b, op.getLoc(), types, sumTypes, savedTypes, op.getAxis(), op.getCount(),
                               op.getReverse(), carried, stacked);
  made.getBody().push_back(body);
  for (auto [i, result] : llvm::enumerate(op->getResults()))
    values.set(result, made->getResult(i), yieldedAs[i]);
  return success();
}
