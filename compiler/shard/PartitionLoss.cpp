// Linear + cross-entropy: each rank has some of the rows and all classes; where rules split classes it is taken apart.
#include "compiler/shard/Partition.h"
#include "dialects/kinu/Composites.h"
#include "dialects/kinu/OpCosts.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

/// Whether a region asks for indices along an axis that is split.
static bool indexesSplit(Region &region, const Sharding &sharding) {
  return llvm::any_of(region.front().getOps<IndexOp>(),
                      [&](IndexOp index) { return !splitters(sharding, index.getAxis().name).empty(); });
}

/// How the rows lie, or none if a rank needs more of the loss than its own rows: classes or summed axes are split, or
/// rows behind the end would count.
std::optional<Sharding> Partition::rowsOfLoss(Value hidden, Value weight, ArrayAttr sum, StringAttr over) {
  NamedTensorType rows = typeOf(hidden).without(sum);
  SmallVector<Axis> axes(rows.getAxes());
  axes.push_back({over, typeOf(weight).length(over)});
  Sharding logits = rules.natural(rows.withAxes(axes)), ofWeight = rules.natural(typeOf(weight));
  Sharding wanted = rules.natural(rows), between = rules.betweenBlocks(rows);
  for (unsigned m = 0; m < wanted.size(); ++m) {
    if (ofWeight[m].state == OnMeshAxis::Split || logits[m] == OnMeshAxis::splitAlong(over))
      return std::nullopt;
    OnMeshAxis here = values.on(hidden, m);
    if (wanted[m].state != OnMeshAxis::Whole)
      continue;
    if (here.state == OnMeshAxis::Split && rows.has(here.axis))
      wanted[m] = here;
    else if (here.state == OnMeshAxis::Partial) // scattered rather than summed for everybody
      wanted[m] = between[m];
  }
  for (const Axis &axis : rows.getAxes())
    if (rules.isPadded(axis, wanted))
      return std::nullopt;
  return wanted;
}

/// A copy of the op on the rank's rows; what lacks their axes, the weight's gradient, is a sum over ranks.
void Partition::lossOfRows(Operation *op, const Sharding &rows) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(local(operand, rows));
  Operation *made = copy(op, operands, rows);
  for (Region &region : made->getRegions())
    retype(region, [&](NamedTensorType type) { return rules.local(type, rules.restrict(rows, type)); });
  for (auto [whole, result] : llvm::zip(op->getResults(), made->getResults())) {
    Sharding sharding = rows;
    for (OnMeshAxis &on : sharding)
      if (on.state == OnMeshAxis::Split && !typeOf(whole).has(on.axis))
        on = OnMeshAxis::partial(ReductionKind::sum);
    values.set(whole, result, sharding);
  }
}

/// Visits what the op stands for instead.
LogicalResult Partition::takeApart(CompositeOpInterface op) {
  Operation *before = op->getPrevNode();
  OpBuilder builder(op);
  op->replaceAllUsesWith(op.expand(builder));
  for (Operation *part = before ? before->getNextNode() : &op->getBlock()->front(); part != op;
       part = part->getNextNode())
    if (failed(visit(part)))
      return failure();
  return success();
}

template <typename Loss> LogicalResult Partition::loss(Loss op) {
  for (Region &region : op->getRegions())
    sinkFreeOps(region);
  std::optional<Sharding> rows = rowsOfLoss(op.getHidden(), op.getWeight(), op.getSum(), op.getOverAttr());
  bool canCut = rows && llvm::none_of(op->getRegions(), [&](Region &region) { return indexesSplit(region, *rows); });
  if (!canCut)
    return takeApart(op);
  lossOfRows(op, *rows);
  return success();
}

template LogicalResult Partition::loss(LinearCrossEntropyOp op);
template LogicalResult Partition::loss(LinearCrossEntropyBackwardOp op);
