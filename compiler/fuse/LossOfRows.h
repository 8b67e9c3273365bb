// The loss and gradients of some rows of a linear layer with cross-entropy, in plain ops.
#pragma once

#include "compiler/fuse/RowChunks.h"

namespace kinu::fuse {

/// A forward op, a backward op, or both of the same loss.
struct LossOps {
  LinearCrossEntropyOp forward;
  LinearCrossEntropyBackwardOp backward;

  bool isPair() const { return forward && backward; }
  mlir::Operation *any() { return forward ? forward.getOperation() : backward.getOperation(); }
  mlir::Value hidden() { return forward ? forward.getHidden() : backward.getHidden(); }
  mlir::Value weight() { return forward ? forward.getWeight() : backward.getWeight(); }
  mlir::Value target() { return forward ? forward.getTarget() : backward.getTarget(); }
  mlir::Value gradient() { return backward ? backward.getGradient() : mlir::Value(); }
  mlir::ValueRange extras() { return forward ? forward.getExtras() : backward.getExtras(); }
  mlir::ArrayAttr sum() { return forward ? forward.getSum() : backward.getSum(); }
  mlir::StringAttr over() { return forward ? forward.getOverAttr() : backward.getOverAttr(); }
  mlir::IntegerAttr promote() { return forward ? forward.getPromoteAttr() : backward.getPromoteAttr(); }
  mlir::Region &logit() { return forward ? forward.getLogit() : backward.getLogit(); }
};

/// The operands' rows that are computed at once; `gradient` and `extras` as the ops have them.
struct LossOperands {
  mlir::Value hidden, target, gradient;
  mlir::SmallVector<mlir::Value> extras;
};

/// Null where nobody asks.
struct LossResults {
  mlir::Value loss, logsumexp, dhidden, dweight;
};

/// Whether everything the ops compute can be computed for some rows alone.
bool canCut(LossOps ops, const RowChunks &cut);

/// Computes them: `z = hidden weight`, its logits' logsumexp, the loss, and their gradients; `dz` in the precision of
/// the weight, `dweight` in fp32.
///
/// The target's logit is a sum over the classes that leaves out all others, not a lookup: so all that reads z reads it
/// at its own place, and dz may be written over z.
LossResults emitLossOfRows(mlir::OpBuilder &builder, LossOps ops, const RowChunks &cut, const LossOperands &operands);

/// The value, or a cast of it, in the element type of `like`.
mlir::Value inElementOf(mlir::OpBuilder &builder, mlir::Value value, mlir::Value like);

} // namespace kinu::fuse
