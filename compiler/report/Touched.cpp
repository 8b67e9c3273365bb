// See Touched.h.
#include "compiler/report/Touched.h"

using namespace mlir;
using namespace kinu;

static int64_t bytesOf(Value value) {
  NamedTensorType type = typeOf(value);
  return type.getNumElements() * (type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8);
}

std::vector<std::pair<int64_t, int64_t>> report::sharedBuffers(step::KernelOp kernel, step::LaunchOp launch) {
  std::vector<std::pair<int64_t, int64_t>> shared;
  ArrayRef<int64_t> offsets = *launch.getOffsets();
  int64_t operands = int64_t(kernel.getBody().getNumArguments());
  for (int64_t result = operands; result < int64_t(offsets.size()); ++result)
    for (int64_t operand = 0; operand < operands; ++operand)
      if (offsets[size_t(result)] == offsets[size_t(operand)])
        shared.push_back({result, operand});
  return shared;
}

/// The scatter whose sum with an operand the kernel yields, and that operand; null if it is no such kernel.
static std::pair<ScatterOp, BlockArgument> scatterOnto(step::KernelOp kernel) {
  auto add = kernel.getBody().front().getTerminator()->getOperand(0).getDefiningOp<AddOp>();
  for (unsigned i = 0; add && i < 2; ++i)
    if (auto scatter = add->getOperand(i).getDefiningOp<ScatterOp>())
      return {scatter, dyn_cast<BlockArgument>(add->getOperand(1 - i))};
  return {};
}

SmallVector<int64_t> report::touchedBytes(step::KernelOp kernel, step::LaunchOp launch) {
  SmallVector<int64_t> bytes;
  for (Value operand : kernel.getBody().getArguments()) {
    int64_t lookedUp = 0;
    bool isTable = !operand.use_empty();
    for (OpOperand &use : operand.getUses()) {
      auto lookup = dyn_cast<LookupOp>(use.getOwner());
      isTable &= lookup && use.getOperandNumber() == 0;
      if (isTable)
        lookedUp += bytesOf(lookup.getResult());
    }
    bytes.push_back(isTable ? std::min(bytesOf(operand), lookedUp) : bytesOf(operand));
  }
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    bytes.push_back(bytesOf(result));
  if (auto [scatter, onto] = scatterOnto(kernel); scatter && onto)
    for (auto [result, operand] : sharedBuffers(kernel, launch))
      if (operand == onto.getArgNumber())
        bytes[size_t(result)] = bytes[size_t(operand)] = std::min(bytes[size_t(result)], bytesOf(scatter.getOperand()));
  return bytes;
}
