// Recognises a product that is added to a tensor.
#include "compiler/vectorize/gemm/Accumulation.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static bool isZero(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return number && number.getValue().isZero();
}

static std::optional<unsigned> operandNumber(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument ? std::optional(argument.getArgNumber()) : std::nullopt;
}

static std::optional<Accumulation> addend(Value value) {
  if (auto old = operandNumber(value))
    return Accumulation{*old, std::nullopt};
  auto select = value.getDefiningOp<SelectOp>();
  if (!select || !isZero(select->getOperand(1)))
    return std::nullopt;
  auto skip = operandNumber(select->getOperand(0)), old = operandNumber(select->getOperand(2));
  if (!skip || !old || typeOf(select->getOperand(0)).getNumElements() != 1)
    return std::nullopt;
  return Accumulation{*old, skip};
}

std::optional<Accumulation> kinu::vectorize::findAccumulation(step::KernelOp kernel, DotOp dot) {
  auto yielded = kernel.getBody().front().getTerminator()->getOperands();
  auto sum = yielded.size() == 1 ? yielded[0].getDefiningOp<AddOp>() : AddOp();
  if (!sum || (sum.getLhs() != dot.getResult() && sum.getRhs() != dot.getResult()))
    return std::nullopt;
  std::optional<Accumulation> found = addend(sum.getLhs() == dot.getResult() ? sum.getRhs() : sum.getLhs());
  if (!found)
    return std::nullopt;
  NamedTensorType type = dot.getType();
  bool alike = typeOf(sum.getResult()) == type && typeOf(kernel.getBody().getArgument(found->old)) == type;
  // The micro-kernels read the old value when they write the new one, so nothing else may read it.
  bool mayLieThere = kernel.getInplace() == ArrayRef<int64_t>{0, int64_t(found->old)};
  return alike && type.getElement().isF32() && mayLieThere ? found : std::nullopt;
}
