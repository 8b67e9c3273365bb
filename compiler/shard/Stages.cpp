// See Stages.h.
#include "compiler/shard/Stages.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

FailureOr<StagePlan> StagePlan::of(ModuleOp module, int64_t stage) {
  auto attr = module->getAttrOfType<DictionaryAttr>("kinu.pipeline");
  if (!attr)
    return module.emitError("requires the attribute `kinu.pipeline`");
  StagePlan plan;
  plan.repeat = attr.getAs<StringAttr>("repeat");
  plan.on = attr.getAs<StringAttr>("on");
  plan.schedule = attr.getAs<StringAttr>("schedule");
  auto bounds = attr.getAs<DenseI64ArrayAttr>("bounds");
  if (!plan.repeat || !plan.on || !plan.schedule || !bounds || bounds.size() < 2)
    return module.emitError("requires repeat, on, schedule and bounds in `kinu.pipeline`");
  plan.bounds = llvm::to_vector(bounds.asArrayRef());
  if (auto chunks = attr.getAs<IntegerAttr>("chunks"))
    plan.chunks = chunks.getInt();
  plan.stage = stage;
  if (!llvm::is_sorted(plan.bounds, std::less_equal<>()) || (bounds.size() - 1) % plan.chunks || stage < 0 ||
      stage >= plan.count())
    return module.emitError("requires stages of at least one round, and one of them to be asked for");
  return plan;
}

static int64_t roundsOfChunks(StagePlan plan, int64_t chunks) {
  int64_t rounds = 0;
  plan.segment.reset();
  for (plan.chunk = 0; plan.chunk < chunks; ++plan.chunk)
    rounds += plan.rounds();
  return rounds;
}

int64_t StagePlan::roundsBefore() const { return roundsOfChunks(*this, chunk) + begin() - bounds[place()]; }
int64_t StagePlan::roundsOfStage() const { return roundsOfChunks(*this, chunks); }

NamedTensorType StagePlan::withRounds(NamedTensorType whole, int64_t rounds) const {
  SmallVector<Axis> axes(whole.getAxes());
  for (Axis &axis : axes)
    if (axis.name == repeat && axis.length == bounds.back())
      axis.length = rounds;
  return whole.withAxes(axes);
}

RepeatOp shard::findForward(ProgramOp program, const StagePlan &plan) {
  for (RepeatOp repeat : program.getOps<RepeatOp>())
    if (repeat.getAxisAttr() == plan.repeat && !repeat.getReverse())
      return repeat;
  return {};
}

Value shard::sumOverStages(OpBuilder &builder, Value value, const StagePlan &plan, DenseI64ArrayAttr among) {
  auto sums = builder.getInsertionBlock()->getOps<tofu::AllReduceOp>();
  int64_t number = std::distance(sums.begin(), sums.end());
  auto sum = tofu::AllReduceOp::create(builder, value.getLoc(), value.getType(), ReductionKind::sum, value,
                                       builder.getArrayAttr({plan.on}), among);
  sum->setAttr("kinu.number", builder.getI64IntegerAttr(number));
  return sum;
}

llvm::SetVector<Value> shard::regionValues(Operation *op) {
  llvm::SetVector<Value> values;
  for (Region &region : op->getRegions())
    region.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (!region.isAncestor(operand.getParentRegion()))
          values.insert(operand);
    });
  return values;
}

llvm::SetVector<Value> shard::outsideValues(Operation *op) {
  llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
  values.insert_range(regionValues(op));
  return values;
}

FailureOr<StepParts> StepParts::of(ProgramOp program, const StagePlan &plan) {
  StepParts result;
  for (Operation &op : program.getBody().front()) {
    Part part = Anywhere;
    for (Value value : outsideValues(&op))
      part = std::max(part, result.partOf(value));
    if (auto repeat = dyn_cast<RepeatOp>(op)) {
      if (repeat.getAxisAttr() != plan.repeat || (repeat.getReverse() ? result.backwardRepeat : result.forwardRepeat))
        return repeat.emitError("stands beside the repeat that is cut into stages");
      (repeat.getReverse() ? result.backwardRepeat : result.forwardRepeat) = repeat;
      if (!repeat.getReverse() && part != Anywhere)
        return repeat.emitError("requires values that its own stages compute");
      part = repeat.getReverse() ? Tail : Head;
    }
    result.parts[&op] = part;
  }
  if (failed(result.check()))
    return failure();
  return result;
}

LogicalResult StepParts::check() {
  for (auto [op, part] : parts) {
    if (op == backwardRepeat || isa<AccumulateOp>(op))
      continue;
    for (Value value : outsideValues(op))
      if (part == Tail && partOf(value) == Head && !isa<AddOp>(op))
        return op->emitError("of the first stage requires what the last one computes");
  }
  if (!backwardRepeat)
    return success();
  for (Value value : backwardRepeat.getStacked())
    if (value.getDefiningOp() != forwardRepeat)
      return backwardRepeat.emitError("requires stacked values that no forward round saved");
  // What is carried is handed from stage to stage; what rounds use besides is computed where it is used.
  for (Value value : regionValues(backwardRepeat))
    if (partOf(value) != Anywhere)
      return backwardRepeat.emitError("requires in its rounds what the last stage computes");
  return success();
}

SmallVector<Value> StepParts::addends(Value value) const {
  auto add = value.getDefiningOp<AddOp>();
  if (!add || partOf(add.getLhs()) == partOf(add.getRhs()))
    return {value};
  SmallVector<Value> all = addends(add.getLhs());
  all.append(addends(add.getRhs()));
  return all;
}

FailureOr<VariableStages> VariableStages::of(ModuleOp module, const StagePlan &plan) {
  VariableStages stages;
  stages.module = module;
  for (ProgramOp program : module.getOps<ProgramOp>()) {
    if (!findForward(program, plan))
      continue;
    FailureOr<StepParts> parts = StepParts::of(program, plan);
    if (failed(parts))
      return failure();
    stages.gather(*parts, plan);
  }
  for (VariableOp variable : module.getOps<VariableOp>()) {
    Place &place = stages.places[stages.parameter(variable)];
    if (place.stages.empty()) // no program reads it
      place.stages.push_back(0);
    llvm::sort(place.stages);
    if (place.split && !cast<NamedTensorType>(variable.getType()).has(plan.repeat))
      return variable.emitError("is read both by layers of several stages and by rounds");
  }
  return stages;
}

const VariableStages::Place &VariableStages::of(VariableOp variable) const {
  return places.find(parameter(variable))->second;
}

StringAttr VariableStages::parameter(VariableOp variable) const {
  return variable.getOwner() ? StringAttr::get(variable.getContext(), *variable.getOwner()) : variable.getSymNameAttr();
}

void VariableStages::gather(const StepParts &parts, const StagePlan &plan) {
  int64_t last = plan.count() - 1;
  RepeatOp forward = parts.forward();
  for (Value init : forward.getCarried())
    note(init, 0);
  noteRepeat(forward, plan);
  if (RepeatOp backward = parts.backward()) {
    noteRepeat(backward, plan);
    for (Value init : backward.getCarried())
      note(init, last);
  }
  for (Operation &op : *forward->getBlock()) {
    if (auto accumulate = dyn_cast<AccumulateOp>(op)) {
      for (Value addend : parts.addends(accumulate.getValue()))
        note(addend, parts.partOf(addend) == StepParts::Head ? last : 0);
    } else if (auto output = dyn_cast<OutputOp>(op)) {
      note(output.getValue(), last);
    }
  }
}

/// What a stage computes for a value, up to the repeats.
void VariableStages::note(Value value, int64_t stage) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<RepeatOp>(op) || !noted.insert({op, stage}).second)
    return;
  if (auto read = dyn_cast<ReadOp>(op))
    return noteRead(read, false, stage);
  for (Value operand : outsideValues(op))
    note(operand, stage);
}

void VariableStages::noteRepeat(RepeatOp repeat, const StagePlan &plan) {
  for (int64_t stage = 0; stage < plan.count(); ++stage) {
    repeat.getBody().walk([&](ReadOp read) {
      noteRead(read, !read.getRounds().empty() && read.getRounds()[0] == repeat.getRound(), stage);
    });
    for (Value value : regionValues(repeat))
      note(value, stage);
  }
}

void VariableStages::noteRead(ReadOp read, bool split, int64_t stage) {
  auto variable = module.lookupSymbol<VariableOp>(read.getVariable());
  Place &place = places[parameter(variable)];
  place.split |= split;
  if (!place.has(stage))
    place.stages.push_back(stage);
}
