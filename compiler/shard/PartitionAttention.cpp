// Attention: split along axes that queries, keys and values share (sequences, heads) or that queries have alone.
#include "compiler/shard/Partition.h"
#include "dialects/kinu/FreeOps.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

/// Keys, and the axes that scores and results are summed over or made of, are whole.
Sharding Partition::attentionSharding(Value q, Value k, ArrayAttr sum, StringAttr key, NamedTensorType result) {
  Sharding wanted = rules.natural(result);
  for (unsigned m = 0; m < wanted.size(); ++m) {
    OnMeshAxis here = values.on(q, m);
    if (wanted[m].state == OnMeshAxis::Whole && here.state == OnMeshAxis::Split)
      wanted[m] = here;
    bool possible = wanted[m].state == OnMeshAxis::Split && typeOf(q).has(wanted[m].axis) &&
                    !contains(sum, wanted[m].axis.getValue()) && wanted[m].axis != key;
    if (!possible)
      wanted[m] = {};
  }
  return wanted;
}

/// Gives a region of the rank's scores; indices along split axes begin at the rank's part, whose origin is an extra.
void Partition::localRegion(Region &region, const Sharding &sharding, SmallVectorImpl<Value> &origins) {
  Block &block = region.front();
  for (BlockArgument argument : block.getArguments())
    argument.setType(rules.local(typeOf(argument), rules.restrict(sharding, typeOf(argument))));
  SmallVector<IndexOp> indices(block.getOps<IndexOp>());
  for (Operation &op : block.without_terminator())
    for (Value result : op.getResults())
      result.setType(rules.local(typeOf(result), rules.restrict(sharding, typeOf(result))));
  for (IndexOp index : indices) {
    Axis whole = index.getAxis();
    for (unsigned m : splitters(sharding, whole.name))
      whole.length *= rules.degrees[m];
    Value origin = values.origin(index.getLoc(), whole, sharding);
    if (!origin)
      continue;
    origins.push_back(origin);
    Value argument = block.addArgument(origin.getType(), index.getLoc());
    OpBuilder inside(index->getContext());
    inside.setInsertionPointAfter(index);
    Value moved = AddOp::create(inside, index.getLoc(), index.getResult(), argument);
    index.getResult().replaceAllUsesExcept(moved, moved.getDefiningOp());
  }
}

LogicalResult Partition::attention(AttentionOp op) {
  Sharding wanted = attentionSharding(op.getQ(), op.getK(), op.getSum(), op.getKeyAttr(), op.getResult().getType());
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
  // Both regions take the same extras: the backward one has all that the forward one needs, and perhaps more.
  SmallVector<Value> forwardOrigins, backwardOrigins;
  localRegion(score, wanted, forwardOrigins);
  localRegion(backward, wanted, backwardOrigins);
  for (Value origin : backwardOrigins)
    score.front().addArgument(origin.getType(), op.getLoc());
  unsigned place = 2 + op.getExtras().size();
  for (Value origin : forwardOrigins)
    backward.front().insertArgument(place++, origin.getType(), op.getLoc());
  llvm::append_range(extras, forwardOrigins);
  llvm::append_range(extras, backwardOrigins);
  auto made = AttentionBackwardOp::create(
      b, op.getLoc(), operands[0].getType(), operands[1].getType(), operands[2].getType(), operands[0], operands[1],
      operands[2], operands[3], operands[4], operands[5], extras, op.getSum(), op.getQuery(), op.getKey(),
      op.getPromoteAttr());
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
