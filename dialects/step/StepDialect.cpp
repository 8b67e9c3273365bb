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

/// Whether a kernel written for one type may be given the other: as many bytes, laid out alike. The names of axes are
/// the kernel's own.
static bool fits(NamedTensorType kernel, NamedTensorType given) {
  return kernel.getElement() == given.getElement() &&
         llvm::equal(kernel.getAxes(), given.getAxes(),
                     [](const Axis &a, const Axis &b) { return a.length == b.length; });
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("requires a kernel of name ") << getKernelAttr();
  Block &body = kernel.getBody().front();
  auto agree = [&](StringRef what, ValueRange wanted, ValueRange given) -> LogicalResult {
    if (wanted.size() != given.size())
      return emitOpError("requires ") << wanted.size() << ' ' << what << "s, as the kernel has, but has "
                                      << given.size();
    for (auto [kernelValue, value] : llvm::zip(wanted, given))
      if (!fits(typeOf(kernelValue), typeOf(value)))
        return emitOpError("requires ") << what << ' ' << kernelValue.getType() << ", as the kernel has, but it is "
                                        << value.getType();
    return success();
  };
  if (failed(agree("operand", body.getArguments(), getOperands())))
    return failure();
  return agree("result", body.getTerminator()->getOperands(), getResults());
}

LogicalResult LaunchOp::verify() {
  if (getOffsets() && getOffsets()->size() != getNumOperands() + getNumResults())
    return emitOpError("requires an offset for each of its ")
           << getNumOperands() + getNumResults() << " operands and results, but has " << getOffsets()->size();
  return success();
}

bool KernelOp::mayReplace(int64_t result, int64_t operand) {
  for (ArrayRef<int64_t> pairs = getInplace(); !pairs.empty(); pairs = pairs.drop_front(2))
    if (pairs[0] == result && pairs[1] == operand)
      return true;
  return false;
}

LogicalResult ViewOp::verify() {
  if (typeOf(getOperand()).getNumElements() != getType().getNumElements() ||
      typeOf(getOperand()).getElement() != getType().getElement())
    return emitOpError("requires as many elements of the same type, but ")
           << getOperand().getType() << " is not " << getType();
  return success();
}

int64_t step::runsInStep(ModuleOp module, StringRef program, int64_t microBatches) {
  bool isLast = program.consume_back(kLast);
  // A stage of a pipeline has the latter three instead of `micro`, `forward.1` for a second chunk of its layers.
  if (!llvm::is_contained({"count", "micro", "forward", "backward", "weights"}, program.split('.').first))
    return program == "update" || program == "reduce" ? 1 : 0;
  if (isLast)
    return 1;
  return microBatches - (module.lookupSymbol((program + kLast).str()) ? 1 : 0);
}

#define GET_OP_CLASSES
#include "dialects/step/StepOps.cpp.inc"
