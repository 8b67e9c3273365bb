// Buffers of a composite's kernel.
#include "compiler/vectorize/attention/Operands.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

Value kinu::vectorize::operandPointer(Emission &e, Value argument) {
  return e.operands[cast<BlockArgument>(argument).getArgNumber()];
}

SmallVector<Value> kinu::vectorize::operandPointers(Emission &e, ValueRange arguments) {
  return llvm::map_to_vector(arguments, [&](Value argument) { return operandPointer(e, argument); });
}

Value kinu::vectorize::resultPointer(Emission &e, step::KernelOp kernel, Value result) {
  for (auto [i, yielded] : llvm::enumerate(kernel.getBody().front().getTerminator()->getOperands()))
    if (yielded == result)
      return e.results[i];
  return {};
}

llvm::Expected<Lowered> kinu::vectorize::finishAttention(Emission &e, const Evaluator &evaluator, step::KernelOp kernel,
                                                         Lowered lowered) {
  if (Operation *op = evaluator.unsupported())
    return llvm::createStringError("kernel `" + kernel.getSymName() + "`: no code for `" +
                                   op->getName().getStringRef() + "` in the score of an attention");
  auto module = e.finish();
  if (!module)
    return module.takeError();
  lowered.module = std::move(*module);
  return lowered;
}
