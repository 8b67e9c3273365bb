// Which values a pass keeps for the next ones: softmax sums exp(x - max) in one pass and divides it in the next.
#include "compiler/vectorize/LoopPlan.h"
#include "dialects/kinu/OpCosts.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static constexpr int64_t kKeptBytes = 64 * 1024; ///< larger rows would not stay in a near cache

/// All that `value` is computed from at the same point of the rows, itself included; reductions are known by then.
static void collectCone(Value value, llvm::SmallDenseSet<Value> &cone) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<ReduceOp>(op) || !cone.insert(value).second)
    return;
  for (Value operand : op->getOperands())
    collectCone(operand, cone);
}

static llvm::SmallDenseSet<Value> coneOf(step::KernelOp kernel, const RowPass &pass) {
  llvm::SmallDenseSet<Value> cone;
  for (ReduceOp reduce : pass.reductions)
    collectCone(reduce.getOperand(), cone);
  for (int64_t result : pass.results)
    collectCone(kernel.getBody().front().getTerminator()->getOperand(result), cone);
  return cone;
}

/// Whether the op, for a point of a row, asks for its operands in another row: it looks up along a row axis, or makes
/// one, or takes one away.
static bool leavesRow(Operation &op, const LoopPlan &plan) {
  if (auto lookup = dyn_cast<LookupOp>(op))
    return llvm::any_of(lookup.getAxes().getAsRange<StringAttr>(), [&](StringAttr axis) { return plan.isRow(axis); });
  if (op.hasTrait<Elementwise>() || isa<BroadcastOp, ReduceOp>(op) || op.getNumResults() != 1)
    return false;
  NamedTensorType result = typeOf(op.getResult(0));
  auto changes = [&](NamedTensorType from, NamedTensorType to) {
    return llvm::any_of(from.getAxes(), [&](const Axis &axis) {
      return plan.isRow(axis.name) && !llvm::is_contained(to.getAxes(), axis);
    });
  };
  return llvm::any_of(op.getOperands(), [&](Value operand) {
    return changes(typeOf(operand), result) || changes(result, typeOf(operand));
  });
}

/// What is asked for in another row than the one that is walked, where scratch knows nothing of it.
static llvm::SmallDenseSet<Value> askedElsewhere(step::KernelOp kernel, const LoopPlan &plan) {
  llvm::SmallDenseSet<Value> asked;
  for (Operation &op : kernel.getBody().front())
    if (leavesRow(op, plan))
      for (Value operand : op.getOperands())
        collectCone(operand, asked);
  return asked;
}

/// The pass's axes as a type, if they are all that `value` varies over within a row.
static NamedTensorType layoutFor(Value value, const RowPass &pass, const LoopPlan &plan) {
  NamedTensorType type = typeOf(value);
  for (const Axis &axis : type.getAxes())
    if (!plan.isRow(axis.name) && !llvm::is_contained(pass.axes, axis))
      return {};
  bool varies = llvm::all_of(pass.axes, [&](const Axis &axis) { return type.has(axis.name); });
  return varies ? type.withAxes(pass.axes) : NamedTensorType();
}

void vectorize::keepDearValues(step::KernelOp kernel, LoopPlan &plan) {
  if (plan.vectorsAreRows())
    return;
  llvm::SmallDenseSet<Value> kept, elsewhere = askedElsewhere(kernel, plan);
  for (auto [i, pass] : llvm::enumerate(plan.passes)) {
    llvm::SmallDenseSet<Value> here = coneOf(kernel, pass), later;
    for (const RowPass &next : ArrayRef(plan.passes).drop_front(i + 1))
      later.insert_range(coneOf(kernel, next));
    for (Operation &op : kernel.getBody().front()) {
      if (!isDear(&op) && !isa<RandomOp>(op))
        continue;
      Value value = op.getResult(0);
      bool isWanted = here.contains(value) && later.contains(value) && !elsewhere.contains(value);
      NamedTensorType layout = isWanted ? layoutFor(value, pass, plan) : NamedTensorType();
      if (!layout || plan.scratchBytes + pass.size() * 4 > kKeptBytes || !kept.insert(value).second)
        continue;
      pass.kept.push_back({value, layout, plan.scratchBytes});
      plan.scratchBytes += llvm::alignTo(pass.size() * 4, 64);
    }
  }
}
