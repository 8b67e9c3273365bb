// See Overlapped.h.
#include "compiler/schedule/Overlapped.h"

#include "compiler/schedule/Places.h"
#include "dialects/tofu/Tofu.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

SmallVector<StringRef, 3> schedule::overlapped(ModuleOp module) {
  auto layout = module->getAttrOfType<DictionaryAttr>("kinu.layout");
  auto words = layout ? layout.getAs<ArrayAttr>("overlap") : ArrayAttr();
  return words ? llvm::to_vector_of<StringRef, 3>(words.getAsValueRange<StringAttr>()) : SmallVector<StringRef, 3>();
}

static bool isOverStages(Operation *op) {
  auto pipeline = op->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>("kinu.pipeline");
  auto reduce = dyn_cast<tofu::AllReduceOp>(op);
  return pipeline && reduce && llvm::is_contained(reduce.getOn(), pipeline.get("on"));
}

StringRef schedule::classOf(Operation *op, const Endings &endings) {
  if (!tofu::isCollective(op) || tofu::isAsync(op) || isa<tofu::SendOp, tofu::ReceiveOp>(op) || isOverStages(op))
    return "";
  if (isa<tofu::ShiftOp>(op))
    return "activations";
  bool isWritten = endings.isOnlyWritten(op->getResult(0));
  if (isa<tofu::AllGatherOp>(op) && (isWritten || viewed(op->getOperand(0)).getDefiningOp<ReadOp>()))
    return "weights";
  return isWritten && !isa<tofu::AllToAllOp>(op) ? "gradients" : "activations";
}
