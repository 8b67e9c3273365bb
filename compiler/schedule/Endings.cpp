// See Endings.h.
#include "compiler/schedule/Endings.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

Endings::Endings(ModuleOp module) {
  for (step::KernelOp kernel : module.getOps<step::KernelOp>())
    if (llvm::is_contained({step::KernelKind::loops, step::KernelKind::scatter}, kernel.getKind()))
      light.insert(kernel.getSymNameAttr());
}

bool Endings::isOnTheWay(Operation *op, unsigned launches) const {
  if (isa<WriteOp>(op))
    return true;
  if (isa<step::ViewOp>(op))
    return isOnlyWritten(op->getResult(0), launches);
  auto launch = dyn_cast<step::LaunchOp>(op);
  return launch && launches > 0 && light.contains(launch.getKernelAttr().getAttr()) &&
         llvm::all_of(launch.getResults(), [&](Value result) { return isOnlyWritten(result, launches - 1); });
}

bool Endings::isOnlyWritten(Value value, unsigned launches) const {
  return !value.use_empty() &&
         llvm::all_of(value.getUsers(), [&](Operation *user) { return isOnTheWay(user, launches); });
}
