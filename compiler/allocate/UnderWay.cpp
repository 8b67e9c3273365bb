// See UnderWay.h.
#include "compiler/allocate/UnderWay.h"

#include "dialects/tofu/Tofu.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::allocate;

using PlaceOf = llvm::function_ref<Place(Value)>;

static bool meets(ValueRange values, Place place, PlaceOf placeOf) {
  return llvm::any_of(values, [&](Value value) { return placeOf(value).overlaps(place); });
}

/// A sum in place has one place; all else has two that do not meet.
static LogicalResult checkStart(Operation *start, PlaceOf placeOf) {
  Place result = placeOf(start->getResult(0));
  for (Value operand : start->getOperands())
    if (Place sent = placeOf(operand); sent.overlaps(result))
      if (sent.offset != result.offset || sent.bytes != result.bytes || !isa<tofu::AllReduceOp>(start))
        return start->emitOpError("receives where it sends from");
  return success();
}

LogicalResult allocate::checkUnderWay(ProgramOp program, PlaceOf placeOf) {
  SmallVector<Operation *> open;
  for (Operation &op : program.getBody().front()) {
    if (auto wait = dyn_cast<tofu::WaitOp>(op)) {
      llvm::erase(open, wait.getStarted().getDefiningOp());
      continue;
    }
    if (!isa<step::LaunchOp>(op) && !tofu::isCollective(&op))
      continue;
    for (Operation *start : open) {
      Place received = placeOf(start->getResult(0));
      bool reads = meets(op.getOperands(), received, placeOf), writes = meets(op.getResults(), received, placeOf);
      for (Value sent : start->getOperands())
        writes |= meets(op.getResults(), placeOf(sent), placeOf);
      if (reads || writes)
        return op.emitOpError(reads ? "reads" : "writes to") << " memory that " << start->getName() << " is using";
    }
    if (tofu::isAsync(&op)) {
      if (failed(checkStart(&op, placeOf)))
        return failure();
      open.push_back(&op);
    }
  }
  return success();
}
