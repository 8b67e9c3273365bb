#include "compiler/Contracts.h"

#include "dialects/step/Step.h"
#include "dialects/tofu/Tofu.h"

using namespace mlir;
using namespace kinu;

/// The first op inside a program that `allowed` does not admit.
template <typename Allowed> static LogicalResult allOps(ModuleOp module, StringRef stage, Allowed allowed) {
  for (ProgramOp program : module.getOps<ProgramOp>()) {
    WalkResult result = program->walk([&](Operation *op) {
      if (op == program.getOperation() || allowed(op))
        return WalkResult::advance();
      op->emitError("is left after `") << stage << "`";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return failure();
  }
  return success();
}

/// Ops that stay in a program when its computation is in kernels.
static bool isStep(Operation *op) {
  return isa<InputOp, ReadOp, WriteOp, OutputOp, ConstantOp, step::LaunchOp, step::ViewOp, tofu::MeshOp, tofu::WaitOp>(
             op) ||
         tofu::isCollective(op);
}

LogicalResult kinu::checkContract(ModuleOp module, Stage stage) {
  switch (stage) {
  case Stage::Differentiate:
    if (module.lookupSymbol<ProgramOp>("train"))
      return module.emitError("program `train` is left after `differentiate`");
    return success();
  case Stage::Fuse:
    return allOps(module, "fuse", [](Operation *op) { return isStep(op) || isa<RepeatOp, YieldOp>(op); });
  case Stage::Schedule: return allOps(module, "schedule", isStep);
  case Stage::Allocate:
    return allOps(module, "allocate", [](Operation *op) {
      auto launch = dyn_cast<step::LaunchOp>(op);
      return isStep(op) && (!launch || launch.getOffsets()) &&
             (!(tofu::isCollective(op) || isa<tofu::WaitOp>(op)) || op->hasAttr("kinu.offsets")) &&
             (!isa<InputOp, OutputOp>(op) || op->hasAttr("kinu.offset"));
    });
  default: return success();
  }
}
