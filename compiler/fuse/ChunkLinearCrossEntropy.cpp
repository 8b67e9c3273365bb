// Linear + cross-entropy by chunks of rows, so that the logits of one chunk are all that is ever stored.
//
// Where nothing but the loss decides the gradients' scale (nearly always: 1/N, or 0 where masked out), the forward op
// and its backward one become one repeat: a chunk's logits are computed once, and its loss, dhidden and its part of
// dweight are taken from them. Where the incoming gradient depends on the loss, and in evaluation, either op becomes a
// repeat of its own. Few chunks are best, since each reads and writes all of dweight.
//
// Left alone, to be expanded: logits that fit one chunk and have no backward op to share; and logits whose definition
// has axes or indices of its own, which this pass could not cut.
#include "compiler/fuse/Fuse.h"
#include "compiler/fuse/LossOfRows.h"
#include "compiler/fuse/RowChunks.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "kinu-chunk-linear-cross-entropy"

namespace kinu::fuse {
#define GEN_PASS_DEF_CHUNKLINEARCROSSENTROPY
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;

/// The ops that must move above `forward` so that the value is known there, in their order; none if it cannot be.
static std::optional<llvm::SetVector<Operation *>> coneAfter(LinearCrossEntropyOp forward, Value value) {
  llvm::SetVector<Operation *> cone;
  SmallVector<Value> work{value};
  while (!work.empty()) {
    Operation *op = work.pop_back_val().getDefiningOp();
    if (!op || op->getBlock() != forward->getBlock() || op->isBeforeInBlock(forward) || cone.contains(op))
      continue;
    if (op == forward || op->getNumRegions() || !isMemoryEffectFree(op))
      return std::nullopt;
    cone.insert(op);
    llvm::append_range(work, op->getOperands());
  }
  SmallVector<Operation *> ordered(cone.begin(), cone.end());
  llvm::sort(ordered, [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  return llvm::SetVector<Operation *>(ordered.begin(), ordered.end());
}

/// The backward op of the loss that can be computed along with it. Moves what scales its gradient above the loss.
static LinearCrossEntropyBackwardOp pairOf(LinearCrossEntropyOp forward) {
  for (Operation *user : forward.getLogsumexp().getUsers()) {
    auto backward = dyn_cast<LinearCrossEntropyBackwardOp>(user);
    if (!backward || backward->getBlock() != forward->getBlock() || backward.getLogsumexp() != forward.getLogsumexp() ||
        backward.getHidden() != forward.getHidden() || backward.getWeight() != forward.getWeight() ||
        backward.getTarget() != forward.getTarget() || backward.getExtras() != forward.getExtras())
      continue;
    auto cone = coneAfter(forward, backward.getGradient());
    if (!cone) {
      LDBG() << "the gradient depends on the loss: " << backward.getLoc();
      continue;
    }
    for (Operation *op : *cone)
      op->moveBefore(forward);
    return backward;
  }
  return {};
}

/// The rows' axes in the order in which the hidden values have them.
static SmallVector<Axis> rowsOf(Value hidden, ArrayAttr sum) {
  return SmallVector<Axis>(typeOf(hidden).without(sum).getAxes());
}

namespace {
struct ChunkLinearCrossEntropy : fuse::impl::ChunkLinearCrossEntropyBase<ChunkLinearCrossEntropy> {
  using ChunkLinearCrossEntropyBase::ChunkLinearCrossEntropyBase;

  void runOnOperation() override {
    SmallVector<LinearCrossEntropyOp> forwards;
    getOperation()->walk([&](LinearCrossEntropyOp op) { forwards.push_back(op); });
    for (LinearCrossEntropyOp forward : forwards)
      rewrite(LossOps{forward, pairOf(forward)});
    SmallVector<LinearCrossEntropyBackwardOp> alone;
    getOperation()->walk([&](LinearCrossEntropyBackwardOp op) { alone.push_back(op); });
    for (LinearCrossEntropyBackwardOp backward : alone)
      rewrite(LossOps{{}, backward});
  }

private:
  void rewrite(LossOps ops) {
    SmallVector<Axis> rows = rowsOf(ops.hidden(), ops.sum());
    int64_t rowBytes = typeOf(ops.weight()).length(ops.over()) * 4;
    RowChunks cut = RowChunks::choose(rows, std::max<int64_t>(1, chunkBytes / rowBytes));
    if ((cut.count == 1 && !ops.isPair()) || !canCut(ops, cut)) {
      LDBG() << "left whole: " << ops.any()->getLoc();
      return;
    }
    chunks += cut.count;
    paired += ops.isPair();
    OpBuilder builder(ops.any());
    if (cut.count == 1) {
      LossOperands operands{ops.hidden(), ops.target(), ops.gradient(), ops.extras()};
      replace(ops, builder, emitLossOfRows(builder, ops, cut, operands));
    } else {
      replace(ops, builder, emitRepeat(builder, ops, cut));
    }
  }

  static void replace(LossOps ops, OpBuilder &builder, const LossResults &made) {
    auto give = [&](Value old, Value is) {
      if (is)
        old.replaceAllUsesWith(inElementOf(builder, is, old));
    };
    if (ops.backward) {
      give(ops.backward.getDhidden(), made.dhidden);
      give(ops.backward.getDweight(), made.dweight);
      ops.backward.erase();
    }
    if (ops.forward) {
      give(ops.forward.getResult(), made.loss);
      give(ops.forward.getLogsumexp(), made.logsumexp);
      ops.forward.erase();
    }
  }

  /// The repeat over chunks; its results, whole.
  static LossResults emitRepeat(OpBuilder &b, LossOps ops, const RowChunks &cut) {
    Location loc = ops.any()->getLoc();
    auto split = [&](Value value) { return value ? cut.split(b, value) : Value(); };
    LossOperands whole{split(ops.hidden()), split(ops.target()), split(ops.gradient()), {}};
    for (Value extra : ops.extras())
      whole.extras.push_back(split(extra));

    auto body = std::make_unique<Region>();
    Block &block = body->emplaceBlock();
    Value round = block.addArgument(NamedTensorType::get(b.getContext(), {}, b.getI64Type()), loc);
    OpBuilder inside(b.getContext());
    inside.setInsertionPointToEnd(&block);
    auto chunk = [&](Value value) { return value ? cut.chunk(inside, value, round) : Value(); };
    LossOperands part{chunk(whole.hidden), chunk(whole.target), chunk(whole.gradient), {}};
    for (Value extra : whole.extras)
      part.extras.push_back(chunk(extra));
    LossResults made = emitLossOfRows(inside, ops, cut, part);

    SmallVector<Value> yielded;
    SmallVector<Type> sums, saved;
    if (made.dweight) {
      yielded.push_back(made.dweight);
      sums.push_back(made.dweight.getType());
    }
    auto save = [&](Value value) {
      if (!value)
        return;
      yielded.push_back(value);
      SmallVector<Axis> axes{{cut.name(), cut.count}};
      llvm::append_range(axes, typeOf(value).getAxes());
      saved.push_back(typeOf(value).withAxes(axes));
    };
    save(made.loss);
    save(made.logsumexp);
    save(made.dhidden);
    YieldOp::create(inside, loc, yielded);
    auto repeat = RepeatOp::create(b, loc, TypeRange(), sums, saved, cut.name(), cut.count, /*reverse=*/false,
                                   ValueRange(), ValueRange());
    repeat.getBody().takeBody(*body);

    auto next = repeat.getSaved().begin();
    auto join = [&](Value part, Value like) { return part ? cut.join(b, *next++, typeOf(like)) : Value(); };
    LossResults results;
    results.loss = join(made.loss, made.loss ? ops.forward.getResult() : Value());
    results.logsumexp = join(made.logsumexp, made.logsumexp ? ops.forward.getLogsumexp() : Value());
    results.dhidden = join(made.dhidden, ops.hidden());
    results.dweight = made.dweight ? repeat.getSums().front() : Value();
    return results;
  }
};
} // namespace
