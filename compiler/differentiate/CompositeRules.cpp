// Derivatives of composite ops: each yields a backward composite, which computes again what is cheap.
#include "compiler/differentiate/Backward.h"
#include "compiler/differentiate/Rules.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

/// A copy of a region, at the place of an op that was just made.
static void copyRegion(Region &from, Region &to) {
  IRMapping mapping;
  from.cloneInto(&to, mapping);
}

static LogicalResult attentionRule(AttentionOp op, Rule &r) {
  if (r.gradients[1] || !r.g)
    return op.emitOpError("passes gradients from its result only, not from its logsumexp");
  bool fp32 = isFp32(op.getQ()) || isFp32(op.getK()) || isFp32(op.getV());
  Value q = fp32 ? inFp32(r.builder, op.getQ()) : op.getQ();
  auto backward =
      AttentionBackwardOp::create(r.builder, r.loc, op.getQ().getType(), op.getK().getType(), op.getV().getType(), q,
                                  op.getK(), op.getV(), op.getResult(), op.getLogsumexp(), r.g, op.getExtras(),
                                  op.getSum(), op.getQuery(), op.getKey(), op.getPromoteAttr());
  copyRegion(op.getScore(), backward.getScore());
  if (failed(differentiateRegion(op.getScore(), backward.getScoreBackward(), 1, {0})))
    return failure();
  r.give(op.getQ(), backward.getDq());
  r.give(op.getK(), backward.getDk());
  r.give(op.getV(), backward.getDv());
  return success();
}

static LogicalResult linearCrossEntropyRule(LinearCrossEntropyOp op, Rule &r) {
  if (r.gradients[1] || !r.g)
    return op.emitOpError("passes gradients from its result only, not from its logsumexp");
  bool fp32 = isFp32(op.getHidden()) || isFp32(op.getWeight());
  Value hidden = fp32 ? inFp32(r.builder, op.getHidden()) : op.getHidden();
  auto backward = LinearCrossEntropyBackwardOp::create(
      r.builder, r.loc, op.getHidden().getType(), op.getWeight().getType(), hidden, op.getWeight(), op.getTarget(),
      op.getLogsumexp(), r.g, op.getExtras(), op.getSum(), op.getOver(), op.getPromoteAttr());
  copyRegion(op.getLogit(), backward.getLogit());
  if (failed(differentiateRegion(op.getLogit(), backward.getLogitBackward(), 1, {0})))
    return failure();
  r.give(op.getHidden(), backward.getDhidden());
  r.give(op.getWeight(), backward.getDweight());
  return success();
}

static LogicalResult normRule(NormOp op, Rule &r) {
  SmallVector<unsigned> wanted;
  SmallVector<Type> types;
  for (auto [i, operand] : llvm::enumerate(op.getOperands()))
    if (typeOf(operand).isFloat()) {
      wanted.push_back(i);
      types.push_back(operand.getType());
    }
  SmallVector<Value> operands(op.getOperands());
  operands.push_back(r.g);
  auto backward = NormBackwardOp::create(r.builder, r.loc, types, operands, op.getOver());
  if (failed(differentiateRegion(op.getBody(), backward.getBody(), op.getOperands().size(), wanted)))
    return failure();
  for (auto [i, gradient] : llvm::zip(wanted, backward.getGradients()))
    r.give(op.getOperands()[i], gradient);
  return success();
}

void differentiate::attachComposites(MLIRContext *context) {
  attach<AttentionOp, attentionRule>(context);
  attach<LinearCrossEntropyOp, linearCrossEntropyRule>(context);
  attach<NormOp, normRule>(context);
}
