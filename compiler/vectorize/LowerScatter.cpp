// `scatter` kernels: zero the result, then add the elements one after the other, each where its indices say.
//
// Different elements may meet in one place, so the summed axes are walked in order; what is parallel are the axes that
// operand and result share, by vectors along the result's last one. The sum is the same for every number of threads.
#include "compiler/vectorize/VectorBlocks.h"
#include "compiler/vectorize/Vectorize.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

namespace {
/// The axes of a scatter by their part in it.
struct ScatterAxes {
  SmallVector<Axis> shared;   ///< of the result, not named by indices; without the vector axis
  SmallVector<Axis> targets;  ///< of the result, where indices point
  SmallVector<Axis> summed;   ///< of the operand or its indices
  std::optional<Axis> vector; ///< the result's last axis, if it is shared and no index depends on it
};
} // namespace

static ScatterAxes axesOf(ScatterOp op) {
  ScatterAxes axes;
  NamedTensorType result = op.getType();
  for (const Axis &axis : result.getAxes()) {
    bool isTarget = contains(op.getAxes(), axis.name.getValue());
    bool indexed = llvm::any_of(op.getIndices(), [&](Value index) { return typeOf(index).has(axis.name); });
    bool isLast = axis == result.getAxes().back();
    if (isTarget)
      axes.targets.push_back(axis);
    else if (isLast && !indexed && typeOf(op.getOperand()).has(axis.name))
      axes.vector = axis;
    else
      axes.shared.push_back(axis);
  }
  SmallVector<Value> sources{op.getOperand()};
  llvm::append_range(sources, op.getIndices());
  for (Value source : sources)
    for (const Axis &axis : typeOf(source).getAxes())
      if (contains(op.getOver(), axis.name.getValue()) && !llvm::is_contained(axes.summed, axis))
        axes.summed.push_back(axis);
  return axes;
}

/// The place in the result that an element goes to, and whether it lies inside (null: it surely does).
static std::pair<Point, Value> target(Evaluator &evaluator, ScatterOp op, Point point) {
  Emission &e = evaluator.e;
  Value isInside;
  Point to = point;
  for (auto [name, index] : llvm::zip(op.getAxes().getAsRange<StringAttr>(), op.getIndices())) {
    Value number = resized(e, evaluator.evaluate(index, point), 64);
    StringAttr axis = StringAttr::get(e.getContext(), name.getValue());
    to[axis] = Index::at(number);
    if (!op.getDrop())
      continue;
    Value inside = arith::CmpIOp::create(e, arith::CmpIPredicate::ult, number, e.i64(op.getType().length(axis)));
    isInside = isInside ? Value(arith::AndIOp::create(e, isInside, inside)) : inside;
  }
  return {to, isInside};
}

/// Adds one element, or the part of a row that belongs to the item, where its indices say.
static void emitAdd(Evaluator &evaluator, ScatterOp op, const VectorBlocks &space, Value item, const Point &point) {
  Emission &e = evaluator.e;
  NamedTensorType type = op.getType();
  auto [to, isInside] = target(evaluator, op, point);
  auto add = [&, to = to] {
    emitBlock(evaluator, space, item, point, [&](const Point &from, Value mask) {
      Point place = to;
      if (space.axis)
        place[space.axis->name] = from.find(space.axis->name)->second;
      Value element = evaluator.evaluate(op.getOperand(), from, mask);
      Value sum = evaluator.load(type, e.results[0], place, mask);
      Value next = type.isFloat() ? Value(arith::AddFOp::create(e, sum, element))
                                  : Value(arith::AddIOp::create(e, sum, resized(e, element, 64)));
      evaluator.store(next, type, e.results[0], place, mask);
    });
  };
  if (!isInside)
    return add();
  e.ifThen(isInside, [&] {
    Evaluator::Scope scope(evaluator);
    add();
  });
}

llvm::Expected<Lowered> vectorize::lowerScatter(step::KernelOp kernel, const machines::Machine &machine) {
  Block &block = kernel.getBody().front();
  auto op = block.getTerminator()->getOperand(0).getDefiningOp<ScatterOp>();
  if (!op || op.getType().isBool())
    return llvm::createStringError("kernel " + kernel.getSymName() + ": a scatter kernel yields a kinu.scatter of numbers");
  Emission e(kernel, machine);
  Evaluator evaluator(e);
  for (auto [argument, pointer] : llvm::zip(block.getArguments(), e.operands))
    evaluator.bindMemory(argument, pointer);

  ScatterAxes axes = axesOf(op);
  VectorBlocks space(axes.shared, axes.vector, e.lanes);
  double operations = double(typeOf(op.getOperand()).getNumElements());
  double moved = operations + double(op.getType().getNumElements());
  int64_t perTask = itemsPerTask(space.items, moved / double(space.items));
  Value zero = e.constant(op.getType().getElement(), 0);
  emitItems(evaluator, space.items, perTask, [&](Value item) {
    Point shared = pointOf(e, space, item);
    emitPoints(evaluator, axes.targets, shared, [&](const Point &point) {
      emitBlock(evaluator, space, item, point, [&](const Point &place, Value mask) {
        evaluator.store(zero, op.getType(), e.results[0], place, mask);
      });
    });
    emitPoints(evaluator, axes.summed, shared,
               [&](const Point &point) { emitAdd(evaluator, op, space, item, point); });
  });
  if (evaluator.unsupported())
    return llvm::createStringError("kernel " + kernel.getSymName() + ": an operand of its scatter has no code");
  llvm::Expected<OwningOpRef<ModuleOp>> module = e.finish();
  if (!module)
    return module.takeError();
  return Lowered{std::move(*module), ceilDivide(space.items, perTask), 0, operations, 0};
}
