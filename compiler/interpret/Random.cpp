// Random numbers: `kinu.random` and initial weights, the same numbers that an executable draws.
#include "compiler/interpret/Evaluate.h"

#include "runtime/InitialWeights.h"
#include "runtime/Philox.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::interpret;

/// The linear index of an element counts its axes sorted by name, `batch` with its global length.
static TensorRef random(RandomOp op, ArrayRef<TensorRef> operands) {
  NamedTensorType type = op.getType();
  auto result = std::make_shared<Tensor>(type);
  uint64_t seed = operands[0]->ints[0], step = operands[1]->ints[0], batchOffset = operands[2]->ints[0];
  uint64_t round = 0;
  for (const TensorRef &index : operands.drop_front(3))
    round = round * 65536 + index->ints[0];

  SmallVector<Axis> sorted(type.getAxes());
  llvm::sort(sorted, [](const Axis &a, const Axis &b) { return a.name.getValue() < b.name.getValue(); });
  Strides strides(type.getAxes().size());
  uint64_t stride = 1, first = 0;
  for (const Axis &axis : llvm::reverse(sorted)) {
    strides[type.find(axis.name)] = stride;
    bool batch = axis.name == "batch";
    first += batch ? batchOffset * stride : 0;
    stride *= batch ? op.getGlobalBatch() : axis.length;
  }
  int64_t next = 0;
  walk(type.getAxes(), {strides}, [&](ArrayRef<int64_t> at) {
    result->floats[next++] =
        rt::randomElement(seed, op.getSite(), first + at[0], static_cast<uint32_t>(step), static_cast<uint32_t>(round));
  });
  return result;
}

TensorRef interpret::evaluateRandom(Operation *op, ArrayRef<TensorRef> operands) {
  auto randomOp = dyn_cast<RandomOp>(op);
  return randomOp ? random(randomOp, operands) : nullptr;
}

Tensor interpret::initialValue(VariableOp variable, uint64_t seed) {
  Tensor value(cast<NamedTensorType>(variable.getType()));
  rt::Initializer initializer;
  initializer.a = variable.getA().convertToDouble();
  initializer.b = variable.getB().convertToDouble();
  initializer.kind = llvm::StringSwitch<rt::InitKind>(variable.getInit())
                         .Case("normal", rt::InitKind::Normal)
                         .Case("truncated_normal", rt::InitKind::TruncatedNormal)
                         .Case("uniform", rt::InitKind::Uniform)
                         .Case("ones", rt::InitKind::Ones)
                         .Default(rt::InitKind::Zeros);
  uint64_t path = rt::fnv1a(variable.getSymName());
  for (auto [i, element] : llvm::enumerate(value.floats))
    element = rt::initialValue(initializer, seed, path, i);
  return value;
}
