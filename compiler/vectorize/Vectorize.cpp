// Chooses the lowering of a kernel by its kind.
#include "compiler/vectorize/Vectorize.h"

#include "compiler/vectorize/Emission.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static double bytesOf(Value value) {
  NamedTensorType type = typeOf(value);
  int64_t bits = type.isBool() ? 8 : type.getElement().getIntOrFloatBitWidth();
  return double(type.getNumElements()) * double(bits / 8);
}

static llvm::Expected<Lowered> lowerByKind(step::KernelOp kernel, const machines::Machine &machine) {
  switch (kernel.getKind()) {
  case step::KernelKind::loops: return lowerLoops(kernel, machine);
  case step::KernelKind::contraction: return lowerContraction(kernel, machine);
  case step::KernelKind::attention: return lowerAttention(kernel, machine);
  case step::KernelKind::attention_backward: return lowerAttentionBackward(kernel, machine);
  case step::KernelKind::scatter: return lowerScatter(kernel, machine);
  case step::KernelKind::cumsum: return lowerCumSum(kernel, machine);
  case step::KernelKind::top: return lowerTop(kernel, machine);
  }
  llvm_unreachable("a kind of kernel");
}

llvm::Expected<Lowered> vectorize::lowerKernel(step::KernelOp kernel, const machines::Machine &machine,
                                               MLIRContext &context) {
  loadDialects(context);
  llvm::Expected<Lowered> lowered = lowerByKind(kernel, machine);
  if (!lowered)
    return lowered;
  lowered->bytes = 0;
  for (Value operand : kernel.getBody().getArguments())
    lowered->bytes += bytesOf(operand);
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    lowered->bytes += bytesOf(result);
  return lowered;
}
