// Attention: split along axes that queries, keys and values share (sequences, heads) or that queries have alone.
#include "compiler/shard/Partition.h"
#include "dialects/kinu/OpCosts.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

/// Of a region that may be no op's yet.
static Location locOf(Region &region) { return region.front().getTerminator()->getLoc(); }

/// Keys, and the axes that scores and results are summed over or made of, are whole.
Sharding Partition::attentionSharding(Value q, Value k, ArrayAttr sum, StringAttr key, NamedTensorType result) {
  Sharding wanted = rules.natural(result);
  for (unsigned m = 0; m < wanted.size(); ++m) {
    OnMeshAxis here = values.on(q, m);
    if (wanted[m].state == OnMeshAxis::Whole && here.state == OnMeshAxis::Split)
      wanted[m] = here;
    bool possible = wanted[m].state == OnMeshAxis::Split && typeOf(q).has(wanted[m].axis) &&
                    !contains(sum, wanted[m].axis.getValue()) && wanted[m].axis != key;
    // Gradients of keys are sums over queries, of which none may stand behind the end.
    if (possible) {
      Sharding alone = rules.whole();
      alone[m] = wanted[m];
      possible = !rules.isPadded({wanted[m].axis, typeOf(q).length(wanted[m].axis)}, alone);
    }
    if (!possible)
      wanted[m] = {};
  }
  return wanted;
}

/// Adds `origin`, an extra, to the indices of an axis; or, if there is none, makes them `indices`, an extra.
static void moveIndices(Region &region, StringAttr axis, Value origin, Value indices, SmallVectorImpl<Value> &extras) {
  Block &block = region.front();
  Value argument;
  for (IndexOp index : llvm::make_early_inc_range(block.getOps<IndexOp>())) {
    if (index.getAxis().name != axis)
      continue;
    if (!argument) {
      extras.push_back(origin ? origin : indices);
      argument = block.addArgument(extras.back().getType(), index.getLoc());
    }
    if (!origin) {
      index.getResult().replaceAllUsesWith(argument);
      continue;
    }
    OpBuilder inside(index->getContext());
    inside.setInsertionPointAfter(index);
    Value moved = AddOp::create(inside, index.getLoc(), index.getResult(), argument);
    index.getResult().replaceAllUsesExcept(moved, moved.getDefiningOp());
  }
}

void Partition::retype(Region &region, llvm::function_ref<NamedTensorType(NamedTensorType)> change) {
  for (BlockArgument argument : region.front().getArguments())
    argument.setType(change(typeOf(argument)));
  for (Operation &op : region.front().without_terminator())
    for (Value result : op.getResults())
      result.setType(change(typeOf(result)));
}

/// Gives a region of the rank's scores; indices along split axes are those of the rank's part, by extras.
void Partition::localRegion(Region &region, const Sharding &sharding, SmallVectorImpl<Value> &origins) {
  SmallVector<Axis> split;
  for (IndexOp index : region.front().getOps<IndexOp>())
    if (!splitters(sharding, index.getAxis().name).empty() && !llvm::is_contained(split, index.getAxis()))
      split.push_back(index.getAxis());
  retype(region, [&](NamedTensorType type) { return rules.local(type, rules.restrict(sharding, type)); });
  for (Axis axis : split) {
    Value origin = values.origin(locOf(region), axis, sharding);
    moveIndices(region, axis.name, origin, origin ? Value() : values.index(locOf(region), axis, sharding), origins);
  }
}

/// Gives a region of the scores of a run of an axis, which begins at `origin`.
void Partition::runOfRegion(Region &region, Axis run, Value origin, SmallVectorImpl<Value> &origins) {
  retype(region, [&](NamedTensorType type) {
    SmallVector<Axis> axes(type.getAxes());
    for (Axis &axis : axes)
      axis.length = axis.name == run.name ? run.length : axis.length;
    return type.withAxes(axes);
  });
  moveIndices(region, run.name, origin, {}, origins);
}

/// Both regions take the same extras: after those of the op the origins of the forward region, then of the backward
/// one.
void Partition::shareExtras(Region &score, Region &backward, unsigned extras, ValueRange forwardOrigins,
                            ValueRange backwardOrigins) {
  for (Value origin : backwardOrigins)
    score.front().addArgument(origin.getType(), locOf(score));
  unsigned place = 2 + extras;
  for (Value origin : forwardOrigins)
    backward.front().insertArgument(place++, origin.getType(), locOf(score));
}

LogicalResult Partition::attention(AttentionOp op) {
  Sharding wanted = attentionSharding(op.getQ(), op.getK(), op.getSum(), op.getKeyAttr(), op.getResult().getType());
  if (auto ring = ringOf(wanted, op.getQ(), op.getK(), op.getQueryAttr(), op.getKeyAttr(), op.getScore()))
    return ringAttention(op, *ring);
  SmallVector<Value> extras;
  for (Value extra : op.getExtras())
    extras.push_back(local(extra, wanted));
  Value q = local(op.getQ(), wanted), k = local(op.getK(), wanted), v = local(op.getV(), wanted);
  IRMapping mapping;
  Region score;
  sinkFreeOps(op.getScore());
  op.getScore().cloneInto(&score, mapping);
  localRegion(score, wanted, extras);
  auto made = AttentionOp::create(
      b, op.getLoc(), rules.local(op.getResult().getType(), rules.restrict(wanted, op.getResult().getType())),
      rules.local(op.getLogsumexp().getType(), rules.restrict(wanted, op.getLogsumexp().getType())), q, k, v, extras,
      op.getSum(), op.getQuery(), op.getKey(), op.getPromoteAttr());
  made.getScore().takeBody(score);
  values.set(op.getResult(), made.getResult(), rules.restrict(wanted, op.getResult().getType()));
  values.set(op.getLogsumexp(), made.getLogsumexp(), rules.restrict(wanted, op.getLogsumexp().getType()));
  return success();
}

LogicalResult Partition::attentionBackward(AttentionBackwardOp op) {
  Sharding wanted = attentionSharding(op.getQ(), op.getK(), op.getSum(), op.getKeyAttr(), typeOf(op.getResult()));
  if (auto ring = ringOf(wanted, op.getQ(), op.getK(), op.getQueryAttr(), op.getKeyAttr(), op.getScore()))
    return ringAttentionBackward(op, *ring);
  SmallVector<Value> extras;
  for (Value extra : op.getExtras())
    extras.push_back(local(extra, wanted));
  SmallVector<Value> operands;
  for (Value operand : {op.getQ(), op.getK(), op.getV(), op.getResult(), op.getLogsumexp(), op.getGradient()})
    operands.push_back(local(operand, wanted));
  IRMapping mapping;
  Region score, backward;
  sinkFreeOps(op.getScore());
  sinkFreeOps(op.getScoreBackward());
  op.getScore().cloneInto(&score, mapping);
  op.getScoreBackward().cloneInto(&backward, mapping);
  SmallVector<Value> forwardOrigins, backwardOrigins;
  localRegion(score, wanted, forwardOrigins);
  localRegion(backward, wanted, backwardOrigins);
  shareExtras(score, backward, op.getExtras().size(), forwardOrigins, backwardOrigins);
  llvm::append_range(extras, forwardOrigins);
  llvm::append_range(extras, backwardOrigins);
  auto made =
      AttentionBackwardOp::create(b, op.getLoc(), operands[0].getType(), operands[1].getType(), operands[2].getType(),
                                  operands[0], operands[1], operands[2], operands[3], operands[4], operands[5], extras,
                                  op.getSum(), op.getQuery(), op.getKey(), op.getPromoteAttr());
  made.getScore().takeBody(score);
  made.getScoreBackward().takeBody(backward);
  for (auto [whole, result] : llvm::zip(op->getResults(), made->getResults())) {
    Sharding sharding = wanted;
    for (OnMeshAxis &on : sharding) // queries split: each rank has a part of every key's gradient
      if (on.state == OnMeshAxis::Split && !typeOf(whole).has(on.axis))
        on = OnMeshAxis::partial(ReductionKind::sum);
    values.set(whole, result, sharding);
  }
  return success();
}
