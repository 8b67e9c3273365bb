// What a launch of a kernel computes, without lowering it: the numbers that lowerings report.
#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/attention/AttentionShape.h"
#include "dialects/kinu/KeyBounds.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static double elements(Value value) { return double(typeOf(value).getNumElements()); }

/// Products of scores and of values, `products` of each, over the pairs that the mask leaves.
template <typename Op> static double attention(Op op, int64_t ofSums, int64_t ofValues) {
  AttentionShape shape =
      analyseAttention(op.getQ().getType(), op.getK().getType(), op.getV().getType(), op.getResult().getType(),
                       op.getSumAttr(), op.getQueryAttr(), op.getKeyAttr());
  KeyBounds bounds = keyBounds(op.getScore(), shape.query.name, shape.key.name);
  return 2.0 * double(shape.outerLength()) * bounds.pairs(shape.query.length, shape.key.length) *
         double(ofSums * shape.sums() + ofValues * shape.values());
}

static double product(DotOp op) {
  double terms = 1;
  for (StringRef axis : op.getOver().getAsValueRange<StringAttr>())
    terms *= double(typeOf(op.getLhs()).length(StringAttr::get(op.getContext(), axis)));
  return 2 * elements(op) * terms;
}

/// An op of a kernel, each element once.
static double operationsOf(Operation &op, step::KernelKind kind) {
  if (auto dot = dyn_cast<DotOp>(op))
    return product(dot);
  if (auto forward = dyn_cast<AttentionOp>(op))
    return attention(forward, 1, 1);
  if (auto backward = dyn_cast<AttentionBackwardOp>(op))
    return attention(backward, 3, 2);
  if (auto scatter = dyn_cast<ScatterOp>(op))
    return elements(scatter.getOperand());
  if (auto top = dyn_cast<TopOp>(op))
    return elements(top.getOperand()) * double(top.getType().length(StringAttr::get(op.getContext(), top.getAs())));
  if (auto sums = dyn_cast<CumSumOp>(op))
    return elements(sums);
  bool everywhere = kind == step::KernelKind::loops || kind == step::KernelKind::contraction;
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return kind == step::KernelKind::loops ? elements(reduce.getOperand()) : 0;
  return everywhere && op.hasTrait<Elementwise>() && typeOf(op.getResult(0)).isFloat() ? elements(op.getResult(0)) : 0;
}

double vectorize::countOperations(step::KernelOp kernel) {
  double count = 0;
  for (Operation &op : kernel.getBody().front())
    count += operationsOf(op, kernel.getKind());
  return count;
}
