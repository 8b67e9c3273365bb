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
    for (ProgramOp program : llvm::to_vector(module.getOps<ProgramOp>()))
      if (failed(findForward(program, *plan) ? cutStep(program, *plan) : VariableCutter(program, *stages, *plan).run()))
        return signalPassFailure();
    keepVariables(variables, *stages, *plan);
    setSchedule(*plan);
    module->setAttr("kinu.stage", Builder(module.getContext()).getI64IntegerAttr(stage));
  }

private:
  static LogicalResult cutStep(ProgramOp program, const StagePlan &plan) {
    FailureOr<StepParts> parts = StepParts::of(program, plan);
    if (failed(parts))
      return failure();
    std::string name = program.getSymName().str();
    program.setSymName((name + ".whole"));
    StepCutter cutter(program, *parts, plan);
    cutter.forward(parts->backward() ? "forward" : name);
    if (parts->backward() && tofu::splitsBackward(*tofu::parseScheduleKind(plan.schedule)))
      cutter.backwardInHalves("backward", "weights");
    else if (parts->backward())
      cutter.backward("backward");
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
        variable.setType(plan.local(type));
      } else if (place.stages.front() != plan.stage) {
        variable->setAttr("kinu.kept_by", builder.getI64IntegerAttr(place.stages.front()));
      }
    }
    for (VariableOp variable : gone)
      variable.erase();
    getOperation()->setAttr("kinu.elsewhere", builder.getArrayAttr(elsewhere));
  }

  /// `kinu.schedule`: of each pass of this stage the direction (a number), the micro-batch and the store, in order.
  void setSchedule(const StagePlan &plan) {
    auto count = getOperation()->getAttrOfType<IntegerAttr>("kinu.micro_batches");
    tofu::MicroBatchSchedule schedule =
        tofu::scheduleMicroBatches(*tofu::parseScheduleKind(plan.schedule), plan.count(), count ? count.getInt() : 1);
    SmallVector<int64_t> slots;
    for (const tofu::Slot &slot : schedule.stages[plan.stage])
      slots.append({static_cast<int64_t>(slot.direction), slot.microBatch, slot.buffer});
    Builder builder(&getContext());
    getOperation()->setAttr("kinu.schedule", builder.getDenseI64ArrayAttr(slots));
    getOperation()->setAttr("kinu.stores", builder.getI64IntegerAttr(schedule.buffers(plan.stage)));
  }
};
} // namespace
