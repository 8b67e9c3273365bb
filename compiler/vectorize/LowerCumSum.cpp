// `cumsum` kernels: running sums along one axis, parallel over all others, by vectors where the last axis is another.
#include "compiler/vectorize/VectorBlocks.h"
#include "compiler/vectorize/Vectorize.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

/// One running sum, or a vector of them: `point` lacks only the summed axis.
static void emitRunningSum(Evaluator &evaluator, CumSumOp op, const Point &point, Value mask) {
  Emission &e = evaluator.e;
  NamedTensorType type = op.getType();
  StringAttr axis = StringAttr::get(e.getContext(), op.getOver());
  int64_t length = type.length(axis);
  bool inLanes = llvm::any_of(
      type.getAxes(), [&](const Axis &other) { return other.name != axis && point.find(other.name)->second.varies(); });
  Value zero = e.constant(inLanes ? Type(e.vectorOf(type.getElement())) : type.getElement(), 0);
  e.loop(e.i64(0), e.i64(length), 1, {zero}, [&](Value i, ValueRange sums) -> SmallVector<Value> {
    Evaluator::Scope scope(evaluator);
    Value index = op.getReverse() ? Value(arith::SubIOp::create(e, e.i64(length - 1), i)) : i;
    Point next = point;
    next[axis] = Index::at(index);
    Value element = evaluator.evaluate(op.getOperand(), next, mask);
    if (inLanes)
      element = e.splat(element);
    Value sum = type.isFloat() ? Value(arith::AddFOp::create(e, sums[0], element))
                               : Value(arith::AddIOp::create(e, sums[0], resized(e, element, 64)));
    evaluator.store(sum, type, e.results[0], next, mask);
    return {sum};
  });
}

llvm::Expected<Lowered> vectorize::lowerCumSum(step::KernelOp kernel, const machines::Machine &machine) {
  Block &block = kernel.getBody().front();
  auto op = block.getTerminator()->getOperand(0).getDefiningOp<CumSumOp>();
  if (!op || op.getType().isBool())
    return llvm::createStringError("kernel " + kernel.getSymName() +
                                   ": a cumsum kernel yields a kinu.cumsum of numbers");
  Emission e(kernel, machine);
  Evaluator evaluator(e);
  for (auto [argument, pointer] : llvm::zip(block.getArguments(), e.operands))
    evaluator.bindMemory(argument, pointer);

  SmallVector<Axis> outer;
  for (const Axis &axis : op.getType().getAxes())
    if (axis.name != op.getOver())
      outer.push_back(axis);
  std::optional<Axis> vector;
  if (!outer.empty() && op.getType().getAxes().back().name != op.getOver())
    vector = outer.pop_back_val();
  VectorBlocks space(outer, vector, e.lanes);
  double operations = double(op.getType().getNumElements());
  int64_t perTask = itemsPerTask(space.items, operations / double(space.items));
  emitItems(evaluator, space.items, perTask, [&](Value item) {
    emitBlock(evaluator, space, item, pointOf(e, space, item),
              [&](const Point &point, Value mask) { emitRunningSum(evaluator, op, point, mask); });
  });
  if (evaluator.unsupported())
    return llvm::createStringError("kernel " + kernel.getSymName() + ": the operand of its cumsum has no code");
  llvm::Expected<OwningOpRef<ModuleOp>> module = e.finish();
  if (!module)
    return module.takeError();
  return Lowered{std::move(*module), ceilDivide(space.items, perTask), 0, operations, 0, ""};
}
