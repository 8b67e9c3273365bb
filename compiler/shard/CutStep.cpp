// See CutStep.h.
#include "compiler/shard/CutStep.h"

#include "dialects/kinu/FirstRound.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

static bool isOfModel(StringRef input) { return !input.starts_with("$"); }

void StepCutter::begin(StringRef name) {
  OpBuilder outer(whole);
  program = ProgramOp::create(outer, whole.getLoc(), name);
  b.createBlock(&program.getBody());
  made.clear();
}

Value StepCutter::demand(Value value) {
  if (Value known = made.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  for (Value outside : outsideValues(op))
    demand(outside);
  b.clone(*op, made);
  return made.lookup(value);
}

/// Variables that are split among stages are read by the stage's own round; everything else sees the model's.
void StepCutter::useLocalRound(Operation *op, Value round, Value local) {
  op->walk([&](Operation *inner) {
    size_t rounds = 0;
    if (auto read = dyn_cast<ReadOp>(inner))
      rounds = read.getRounds().size();
    else if (auto accumulate = dyn_cast<AccumulateOp>(inner))
      rounds = accumulate.getRounds().size();
    if (rounds == 0 || inner->getOperand(0) != round)
      return;
    inner->setOperand(0, local);
    if (int64_t before = plan.roundsBefore())
      inner->setAttr(kFirstRound, b.getI64IntegerAttr(before));
  });
}

Value StepCutter::wholeRound(OpBuilder &inner, Value local) {
  if (plan.begin() == 0)
    return local;
  return AddOp::create(inner, local.getLoc(), local, ConstantOp::create(inner, local.getLoc(), plan.begin()));
}

RepeatOp StepCutter::chunk(RepeatOp repeat, ValueRange carried, Stacked stacked, Saved saved,
                           const BackwardHalves *halves) {
  for (Value value : regionValues(repeat))
    demand(value);
  Location loc = repeat.getLoc();
  auto *body = new Block();
  OpBuilder inner(b.getContext());
  inner.setInsertionPointToEnd(body);
  IRMapping inside(made);
  Value local = body->addArgument(repeat.getRound().getType(), loc), round = wholeRound(inner, local);
  inside.map(repeat.getRound(), round);
  for (auto [argument, value] : llvm::zip(repeat.getCarriedArguments(), carried))
    inside.map(argument, body->addArgument(value.getType(), loc));
  for (auto [i, argument] : llvm::enumerate(repeat.getStackedArguments()))
    inside.map(argument, stacked(inner, i, local));
  for (Operation &op : repeat.getBody().front().without_terminator())
    if (!halves || halves->chain.contains(&op))
      useLocalRound(inner.clone(op, inside), round, local);
  if (halves)
    for (auto [i, value] : llvm::enumerate(halves->handed))
      WriteOp::create(inner, loc, handedStash(i, value), local, inside.lookup(value));

  SmallVector<Value> yielded;
  unsigned kept = repeat.getResults().size() + repeat.getSums().size();
  for (auto [i, value] : llvm::enumerate(repeat.getYield().getValues()))
    if (i < kept)
      yielded.push_back(inside.lookupOrDefault(value));
    else
      saved(inner, i - kept, local, inside.lookupOrDefault(value));
  YieldOp::create(inner, loc, yielded);
  auto result = RepeatOp::create(b, loc, carried.getTypes(), repeat.getSums().getTypes(), TypeRange(), repeat.getAxis(),
                                 plan.rounds(), repeat.getReverse(), carried, ValueRange());
  result.getBody().push_back(body);
  return result;
}

SmallVector<Value> StepCutter::handedOn(RepeatOp result, ArrayRef<Value> received) {
  SmallVector<Value> values(result.getResults());
  for (auto [i, sum] : llvm::enumerate(result.getSums()))
    values.push_back(received.empty() ? Value(sum)
                                      : AddOp::create(b, sum.getLoc(), received[values.size()], sum).getResult());
  return values;
}

StringRef StepCutter::variable(std::string name, StringRef role, NamedTensorType type, bool inStore) {
  auto module = whole->getParentOfType<ModuleOp>();
  if (auto known = module.lookupSymbol<VariableOp>(name))
    return known.getSymName();
  OpBuilder outer(whole);
  llvm::APFloat zero(0.0);
  auto made = VariableOp::create(outer, whole.getLoc(), name, role, "zeros", zero, zero, type, StringAttr());
  // Of evaluation and generation only one run is ever under way.
  if (parts.backward() && inStore)
    made->setAttr("kinu.in_store", b.getUnitAttr());
  return made.getSymName();
}

void StepCutter::send(ValueRange values, int64_t place, int64_t tag) {
  int64_t peer = place % plan.count();
  tag = tagOf(place, tag);
  for (Value value : values) {
    std::string name = (program.getSymName() + ".message." + Twine(tag)).str();
    StringRef message = variable(name, "message", typeOf(value));
    Location loc = value.getLoc();
    WriteOp::create(b, loc, message, ValueRange(), value);
    Value kept = ReadOp::create(b, loc, value.getType(), message, ValueRange());
    tofu::SendOp::create(b, loc, kept, peer, plan.on, tag++);
  }
}

SmallVector<Value> StepCutter::receive(RepeatOp repeat, int64_t place, int64_t tag) {
  SmallVector<Value> values;
  int64_t peer = place % plan.count();
  tag = tagOf(plan.place(), tag);
  for (Value value : repeat->getResults().take_front(repeat.getResults().size() + repeat.getSums().size())) {
    FlatSymbolRefAttr into;
    if (parts.backward()) {
      std::string name = (program.getSymName() + ".received." + Twine(tag)).str();
      into = FlatSymbolRefAttr::get(b.getContext(), variable(name, "message", typeOf(value), /*inStore=*/false));
    }
    values.push_back(tofu::ReceiveOp::create(b, repeat.getLoc(), value.getType(), peer, plan.on, tag++, into));
  }
  return values;
}

std::string StepCutter::nameOfStash(Twine name) {
  StagePlan first = plan;
  first.chunk = 0;
  first.segment.reset();
  std::string text = (pair == &parts ? "stash." : "stash.again.") + name.str();
  if (segments().size() > 1)
    return text + ".from." + std::to_string(plan.begin());
  return plan.rounds() == first.rounds() ? text : text + "." + std::to_string(plan.rounds()) + ".rounds";
}

std::string StepCutter::stashOf(unsigned saved) {
  NamedTensorType type = plan.ofChunk(typeOf(pair->forward().getSaved()[saved]));
  return variable(nameOfStash(Twine(saved)), "stash", type).str();
}

/// Every stage draws the same samples, and what these are depends on how far inputs read: so no stage drops one.
void StepCutter::keepInputs() {
  for (InputOp input : whole.getOps<InputOp>())
    if (isOfModel(input.getName()))
      OutputOp::create(b, input.getLoc(), ("input." + input.getName()).str(), demand(input));
}

Value StepCutter::zeros(NamedTensorType type) {
  Location loc = program.getLoc();
  Value zero = type.isFloat() ? ConstantOp::create(b, loc, 0.0) : ConstantOp::create(b, loc, int64_t(0));
  return type.getAxes().empty() ? zero : BroadcastOp::create(b, loc, type, zero).getResult();
}

void StepCutter::outputs() {
  for (OutputOp output : whole.getOps<OutputOp>()) {
    Value value = plan.isLast() ? demand(output.getValue()) : zeros(typeOf(output.getValue()));
    if (!parts.backward())
      value = sumOverStages(b, value, plan);
    OutputOp::create(b, output.getLoc(), output.getName(), value);
  }
}

void StepCutter::accumulate(StepParts::Part part) {
  for (AccumulateOp accumulate : whole.getOps<AccumulateOp>()) {
    Location loc = accumulate.getLoc();
    Value sum;
    for (Value addend : parts.addends(accumulate.getValue())) {
      if ((parts.partOf(addend) == StepParts::Head) != (part == StepParts::Head))
        continue;
      Value here = demand(addend);
      sum = sum ? AddOp::create(b, loc, sum, here).getResult() : here;
    }
    if (!sum)
      continue;
    NamedTensorType type = typeOf(accumulate.getValue());
    if (typeOf(sum).getAxes().size() < type.getAxes().size())
      sum = BroadcastOp::create(b, loc, type, sum);
    AccumulateOp::create(b, loc, accumulate.getVariable(), accumulate.getRounds(), sum);
  }
}

static std::string ofChunk(StringRef program, int64_t chunk) {
  return chunk == 0 ? program.str() : (program + "." + Twine(chunk)).str();
}

void StepCutter::step(bool inHalves) {
  for (plan.chunk = 0; plan.chunk < plan.chunks; ++plan.chunk) {
    forward(ofChunk("forward", plan.chunk));
    backward(ofChunk("backward", plan.chunk), inHalves);
    if (inHalves)
      weights(ofChunk("weights", plan.chunk));
  }
}

SmallVector<StepCutter::Segment> StepCutter::segments() const {
  StagePlan chunk = plan;
  chunk.segment.reset();
  SmallVector<Segment> all;
  for (int64_t round = chunk.begin(); round < chunk.end(); ++round) {
    bool here = again && parts.backward() && again->rounds[round];
    if (all.empty() || all.back().again != here)
      all.push_back({round, round, here});
    all.back().end = round + 1;
  }
  return all;
}

void StepCutter::enter(const Segment &segment) {
  plan.segment = {segment.begin, segment.end};
  pair = segment.again ? &again->parts : &parts;
}

void StepCutter::leave() {
  plan.segment.reset();
  pair = &parts;
}

void StepCutter::evaluation(StringRef name) {
  begin(name);
  for (plan.chunk = 0; plan.chunk < plan.chunks; ++plan.chunk)
    forwardRounds();
  plan.chunk = plan.chunks - 1;
  outputs();
  keepInputs();
}

void StepCutter::forward(StringRef name) {
  begin(name);
  forwardRounds();
  outputs();
  if (plan.isLast())
    keepSeeds();
  keepInputs();
}

void StepCutter::forwardRounds() {
  size_t carried = parts.forward().getCarried().size();
  bool hasTotals = !plan.isFirst();
  SmallVector<Value> next;
  if (hasTotals)
    next = receive(parts.forward(), plan.place() - 1, 0);
  else
    for (Value init : parts.forward().getCarried())
      next.push_back(demand(init));
  for (const Segment &segment : segments()) {
    enter(segment);
    RepeatOp repeat = pair->forward(), back = pair->backward();
    auto save = [&](OpBuilder &inner, unsigned i, Value round, Value value) {
      if (back && llvm::is_contained(back.getStacked(), repeat.getSaved()[i]))
        WriteOp::create(inner, value.getLoc(), stashOf(i), round, value);
    };
    RepeatOp result = chunk(
        repeat, ValueRange(next).take_front(carried), [](OpBuilder &, unsigned, Value) { return Value(); }, save);
    next = handedOn(result, std::exchange(hasTotals, true) ? ArrayRef<Value>(next) : ArrayRef<Value>());
  }
  leave();
  if (!plan.isLast())
    send(next, plan.place() + 1, 0);
  else
    made.map(parts.forward()->getResults().take_front(next.size()), next);
}

void StepCutter::keepSeeds() {
  accumulate(StepParts::Head);
  for (auto [i, init] : llvm::enumerate(parts.backward().getCarried()))
    if (parts.partOf(init) != StepParts::Anywhere)
      WriteOp::create(b, init.getLoc(), variable("stash.seed." + std::to_string(i), "stash", typeOf(init)),
                      ValueRange(), demand(init));
}

void StepCutter::weights(StringRef name) {
  begin(name);
  SmallVector<Segment> all = segments();
  for (const Segment &segment : llvm::reverse(all)) {
    enter(segment);
    weightsChunk(BackwardHalves(pair->backward()),
                 [&](OpBuilder &inner, unsigned i, Value round) { return recall(inner, i, round); });
  }
  leave();
}

StringRef StepCutter::handedStash(unsigned number, Value value) {
  NamedTensorType type = plan.ofChunk(pair->backward().getStackedType(typeOf(value)));
  return variable(nameOfStash("handed." + Twine(number)), "stash", type);
}

void StepCutter::weightsChunk(const BackwardHalves &halves, Stacked stacked) {
  RepeatOp repeat = pair->backward();
  for (Value value : regionValues(repeat))
    demand(value);
  Location loc = repeat.getLoc();
  auto *body = new Block();
  OpBuilder inner(b.getContext());
  inner.setInsertionPointToEnd(body);
  IRMapping inside(made);
  Value local = body->addArgument(repeat.getRound().getType(), loc), round = wholeRound(inner, local);
  inside.map(repeat.getRound(), round);
  for (auto [i, argument] : llvm::enumerate(repeat.getStackedArguments()))
    inside.map(argument, stacked(inner, i, local));
  for (auto [i, value] : llvm::enumerate(halves.handed))
    inside.map(value, ReadOp::create(inner, loc, value.getType(), handedStash(i, value), local));
  for (Operation *op : halves.weights)
    useLocalRound(inner.clone(*op, inside), round, local);
  YieldOp::create(inner, loc, ValueRange());
  auto result = RepeatOp::create(b, loc, TypeRange(), TypeRange(), TypeRange(), repeat.getAxis(), plan.rounds(),
                                 repeat.getReverse(), ValueRange(), ValueRange());
  result.getBody().push_back(body);
}

Value StepCutter::recall(OpBuilder &inner, unsigned stacked, Value round) {
  RepeatOp repeat = pair->backward(), forward = pair->forward();
  unsigned saved = cast<OpResult>(repeat.getStacked()[stacked]).getResultNumber() -
                   (forward->getNumResults() - forward.getSaved().size());
  return ReadOp::create(inner, repeat.getLoc(), repeat.getStackedArguments()[stacked].getType(), stashOf(saved), round);
}

void StepCutter::backward(StringRef name, bool inHalves) {
  begin(name);
  size_t carried = parts.backward().getCarried().size();
  bool hasTotals = !plan.isLast();
  SmallVector<Value> next;
  if (hasTotals)
    next = receive(parts.backward(), plan.place() + 1, upTag());
  else
    for (auto [i, init] : llvm::enumerate(parts.backward().getCarried()))
      next.push_back(
          parts.partOf(init) == StepParts::Anywhere
              ? demand(init)
              : ReadOp::create(b, init.getLoc(), init.getType(), "stash.seed." + std::to_string(i), ValueRange())
                    .getResult());
  SmallVector<Segment> all = segments();
  for (const Segment &segment : llvm::reverse(all)) {
    enter(segment);
    std::optional<BackwardHalves> halves;
    if (inHalves)
      halves.emplace(pair->backward());
    RepeatOp result = chunk(
        pair->backward(), ValueRange(next).take_front(carried),
        [&](OpBuilder &inner, unsigned i, Value round) { return recall(inner, i, round); },
        [](OpBuilder &, unsigned, Value, Value) {}, halves ? &*halves : nullptr);
    next = handedOn(result, std::exchange(hasTotals, true) ? ArrayRef<Value>(next) : ArrayRef<Value>());
  }
  leave();
  if (!plan.isFirst())
    return send(next, plan.place() - 1, upTag());
  made.map(parts.backward()->getResults().take_front(next.size()), next);
  accumulate(StepParts::Tail);
}
