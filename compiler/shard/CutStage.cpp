// One stage of a pipeline out of a whole module.
//
// Between stages go what the repeat carries, forward, and its gradients, backward. All else is arranged so that nothing
// has to: what depends on no layer is computed where it is wanted, gradients of a weight that several stages read are
// added up after the step, and numbers of the optimizer that speak of all variables are sums over stages.
#include "compiler/shard/CutStep.h"
#include "compiler/shard/CutVariables.h"
#include "compiler/shard/Shard.h"
#include "dialects/tofu/MicroBatchSchedule.h"

#include "mlir/Pass/Pass.h"

namespace kinu::shard {
#define GEN_PASS_DEF_CUTSTAGE
#include "compiler/shard/Passes.h.inc"
} // namespace kinu::shard

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

namespace {
struct CutStage : shard::impl::CutStageBase<CutStage> {
  using CutStageBase::CutStageBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module->hasAttr("kinu.pipeline"))
      return;
    FailureOr<StagePlan> plan = StagePlan::of(module, stage);
    if (failed(plan))
      return signalPassFailure();
    if (!tofu::parseScheduleKind(plan->schedule)) {
      module.emitError("has a pipeline of an unknown schedule");
      return signalPassFailure();
    }
    FailureOr<VariableStages> stages = VariableStages::of(module, *plan);
    if (failed(stages))
      return signalPassFailure();
    SmallVector<VariableOp> variables(module.getOps<VariableOp>());
    ProgramOp again = module.lookupSymbol<ProgramOp>("micro.again");
    for (ProgramOp program : llvm::to_vector(module.getOps<ProgramOp>()))
      if (program != again &&
          failed(findForward(program, *plan) ? cutStep(program, *plan) : VariableCutter(program, *stages, *plan).run()))
        return signalPassFailure();
    if (again)
      again.erase();
    keepVariables(variables, *stages, *plan);
    setSchedule(*plan);
    module->setAttr("kinu.stage", Builder(module.getContext()).getI64IntegerAttr(stage));
  }

private:
  /// The program `micro.again` beside `micro`, if some rounds of the stage are cut out of it.
  static FailureOr<std::optional<ComputedAgain>> computedAgain(ProgramOp program, const StagePlan &plan) {
    auto module = program->getParentOfType<ModuleOp>();
    auto again = module.lookupSymbol<ProgramOp>("micro.again");
    auto rounds = module->getAttrOfType<DenseI64ArrayAttr>("kinu.again");
    if (program.getSymName() != "micro" || !again || !rounds)
      return std::optional<ComputedAgain>();
    FailureOr<StepParts> parts = StepParts::of(again, plan);
    if (failed(parts))
      return failure();
    ComputedAgain result{*parts, llvm::BitVector(plan.bounds.back())};
    for (int64_t round : rounds.asArrayRef())
      result.rounds.set(round);
    return std::optional(result);
  }

  static LogicalResult cutStep(ProgramOp program, const StagePlan &plan) {
    FailureOr<StepParts> parts = StepParts::of(program, plan);
    if (failed(parts))
      return failure();
    std::string name = program.getSymName().str();
    FailureOr<std::optional<ComputedAgain>> again = computedAgain(program, plan);
    if (failed(again))
      return failure();
    program.setSymName((name + ".whole"));
    StepCutter cutter(program, *parts, plan, *again ? &**again : nullptr);
    if (parts->backward())
      cutter.step(tofu::splitsBackward(*tofu::parseScheduleKind(plan.schedule)));
    else
      cutter.evaluation(name);
    program.erase();
    return success();
  }

  /// Checkpoints hold all variables, so a stage knows of those that it does not have.
  void keepVariables(MutableArrayRef<VariableOp> variables, const VariableStages &stages, const StagePlan &plan) {
    Builder builder(&getContext());
    SmallVector<Attribute> elsewhere;
    SmallVector<VariableOp> gone;
    for (auto [i, variable] : llvm::enumerate(variables)) {
      const VariableStages::Place &place = stages.of(variable);
      auto type = cast<NamedTensorType>(variable.getType());
      if (!place.has(plan.stage)) {
        NamedAttrList entry;
        entry.set("name", variable.getSymNameAttr());
        entry.set("role", variable.getRoleAttr());
        if (variable.getOwner())
          entry.set("of", variable.getOwnerAttr());
        entry.set("type", variable.getTypeAttr());
        entry.set("place", builder.getI64IntegerAttr(i));
        elsewhere.push_back(entry.getDictionary(&getContext()));
        gone.push_back(variable);
        continue;
      }
      variable->setAttr("kinu.place", builder.getI64IntegerAttr(i));
      if (place.split) {
        variable->setAttr("kinu.cut", builder.getDenseI64ArrayAttr({plan.begin(), plan.bounds.back()}));
        if (plan.chunks > 1)
          variable->setAttr("kinu.chunks", builder.getDenseI64ArrayAttr(chunksOf(plan)));
        variable.setType(plan.local(type));
      } else if (place.stages.front() != plan.stage) {
        variable->setAttr("kinu.kept_by", builder.getI64IntegerAttr(place.stages.front()));
      }
    }
    for (VariableOp variable : gone)
      variable.erase();
    getOperation()->setAttr("kinu.elsewhere", builder.getArrayAttr(elsewhere));
  }

  /// The first round of each chunk, and how many it has.
  static SmallVector<int64_t> chunksOf(StagePlan plan) {
    SmallVector<int64_t> chunks;
    for (plan.chunk = 0; plan.chunk < plan.chunks; ++plan.chunk)
      chunks.append({plan.begin(), plan.rounds()});
    return chunks;
  }

  /// `kinu.schedule`: of each pass of this stage the direction (a number), the micro-batch, the store and the chunk, in
  /// order.
  void setSchedule(const StagePlan &plan) {
    auto count = getOperation()->getAttrOfType<IntegerAttr>("kinu.micro_batches");
    tofu::MicroBatchSchedule schedule = tofu::scheduleMicroBatches(
        *tofu::parseScheduleKind(plan.schedule), plan.count(), count ? count.getInt() : 1, plan.chunks);
    SmallVector<int64_t> slots;
    for (const tofu::Slot &slot : schedule.stages[plan.stage])
      slots.append({static_cast<int64_t>(slot.direction), slot.microBatch, slot.buffer, slot.chunk});
    Builder builder(&getContext());
    getOperation()->setAttr("kinu.schedule", builder.getDenseI64ArrayAttr(slots));
    getOperation()->setAttr("kinu.stores", builder.getI64IntegerAttr(schedule.buffers(plan.stage)));
  }
};
} // namespace
