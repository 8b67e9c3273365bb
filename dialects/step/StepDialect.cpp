// Registers the step dialect and verifies its ops.
#include "dialects/step/Step.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::step;

#include "dialects/step/StepDialect.cpp.inc"
#include "dialects/step/StepEnums.cpp.inc"

void StepDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/step/StepOps.cpp.inc"
      >();
}

LogicalResult KernelOp::verify() {
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return emitOpError("requires a region that ends with kinu.yield");
  if (getInplace().size() % 2)
    return emitOpError("requires pairs of result and operand in `inplace`");
  for (unsigned i = 0; i < getInplace().size(); i += 2)
    if (getInplace()[i] < 0 || getInplace()[i] >= yield.getNumOperands() || getInplace()[i + 1] < 0 ||
        getInplace()[i + 1] >= getBody().getNumArguments())
      return emitOpError("requires `inplace` to name a result and an operand");
  return success();
}

LogicalResult ViewOp::verify() {
  if (typeOf(getOperand()).getNumElements() != getType().getNumElements() ||
      typeOf(getOperand()).getElement() != getType().getElement())
    return emitOpError("requires as many elements of the same type, but ")
           << getOperand().getType() << " is not " << getType();
  return success();
}

#define GET_OP_CLASSES
#include "dialects/step/StepOps.cpp.inc"
