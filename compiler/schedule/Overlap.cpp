// Communication behind computation: what can begin early does, and what can be waited for late is. See Passes.td.
//
// The pass decides only what is begun where; whether that pays is a matter of times, which `kinu plan` plays through.
#include "compiler/schedule/MergeReductions.h"
#include "compiler/schedule/MoveApart.h"
#include "compiler/schedule/Places.h"
#include "compiler/schedule/Schedule.h"

namespace kinu::schedule {
#define GEN_PASS_DEF_OVERLAP
#include "compiler/schedule/Passes.h.inc"
} // namespace kinu::schedule

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

static bool isOverStages(Operation *op) {
  auto pipeline = op->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>("kinu.pipeline");
  auto reduce = dyn_cast<tofu::AllReduceOp>(op);
  return pipeline && reduce && llvm::is_contained(reduce.getOn(), pipeline.get("on"));
}

/// What a layout calls it: `weights` are gathered for their readers or after their update, `gradients` are summed for
/// variables, the rest is of `activations`. Empty for what stays as it is: messages of pipelines, whose stages run
/// different lists.
static StringRef classOf(Operation *op, const Endings &endings) {
  if (!tofu::isCollective(op) || tofu::isAsync(op) || isa<tofu::SendOp, tofu::ReceiveOp>(op) || isOverStages(op))
    return "";
  if (isa<tofu::ShiftOp>(op))
    return "activations";
  bool isWritten = endings.isOnlyWritten(op->getResult(0));
  if (isa<tofu::AllGatherOp>(op) && (isWritten || viewed(op->getOperand(0)).getDefiningOp<ReadOp>()))
    return "weights";
  return isWritten && !isa<tofu::AllToAllOp>(op) ? "gradients" : "activations";
}

/// Whether a kernel only copies its operand.
static bool copies(step::LaunchOp launch) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<step::KernelOp>(launch, launch.getKernelAttr());
  Block &body = kernel.getBody().front();
  return launch.getNumOperands() == 1 && launch.getNumResults() == 1 && body.getOperations().size() == 1 &&
         launch.getOperand(0).getType() == launch.getResult(0).getType();
}

/// What a collective alone makes can lie in the variable at once.
static void writeDirectly(WriteOp write) {
  auto launch = write.getValue().getDefiningOp<step::LaunchOp>();
  if (!launch || !launch.getResult(0).hasOneUse() || !copies(launch))
    return;
  Value source = launch.getOperand(0);
  for (; source.hasOneUse() && source.getDefiningOp<step::ViewOp>(); source = source.getDefiningOp()->getOperand(0))
    ;
  if (!source.hasOneUse() || !isa_and_nonnull<tofu::AllReduceOp, tofu::ReduceScatterOp>(source.getDefiningOp()))
    return;
  write.getValueMutable().assign(launch.getOperand(0));
  launch.erase();
}

static void split(Operation *op) {
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  op->setAttr("async", builder.getUnitAttr());
  Value started = op->getResult(0);
  auto wait = tofu::WaitOp::create(builder, op->getLoc(), started.getType(), started, op->getOperands());
  started.replaceAllUsesExcept(wait.getResult(), wait);
}

static void eraseUnusedKernels(ModuleOp module) {
  llvm::DenseSet<StringAttr> used;
  module.walk([&](step::LaunchOp launch) { used.insert(launch.getKernelAttr().getAttr()); });
  for (step::KernelOp kernel : llvm::to_vector(module.getOps<step::KernelOp>()))
    if (!used.contains(kernel.getSymNameAttr()))
      kernel.erase();
}

namespace {
struct Overlap : schedule::impl::OverlapBase<Overlap> {
  void runOnOperation() override {
    auto layout = getOperation()->getAttrOfType<DictionaryAttr>("kinu.layout");
    auto words = layout ? layout.getAs<ArrayAttr>("overlap") : ArrayAttr();
    if (!words)
      return;
    FailureOr<unsigned> merged = mergeReductions(getOperation());
    if (failed(merged))
      return signalPassFailure();
    reductions += *merged;
    Bound bound{layout.getAs<IntegerAttr>("bucket").getInt()};
    Endings endings(getOperation());
    auto isAsked = [&](Operation &op) {
      StringRef word = classOf(&op, endings);
      return !word.empty() && llvm::is_contained(words.getAsValueRange<StringAttr>(), word);
    };
    for (ProgramOp program : getOperation().getOps<ProgramOp>()) {
      Block &block = program.getBody().front();
      SmallVector<Operation *> asked;
      for (Operation &op : block)
        if (isAsked(op))
          asked.push_back(&op);
      if (asked.empty())
        continue;
      for (WriteOp write : llvm::to_vector(block.getOps<WriteOp>()))
        writeDirectly(write);
      llvm::for_each(asked, split);
      pairs += asked.size();
      raiseShifts(block);
      sinkWaits(block, bound, endings);
      hoistStarts(block, bound, endings);
    }
    eraseUnusedKernels(getOperation());
  }
};
} // namespace
