// See CutBackward.h.
#include "compiler/shard/CutBackward.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

namespace {
struct Halving {
  Halving(RepeatOp backward) : backward(backward), body(backward.getBody().front()) {
    known.insert(backward.getCarriedArguments().begin(), backward.getCarriedArguments().end());
    for (Operation &op : body)
      if (isa<DotOp, AttentionOp, ScatterOp, CumSumOp, TopOp>(op) ||
          llvm::any_of(outsideValues(&op), [&](Value value) { return known.contains(value); }))
        known.insert(op.result_begin(), op.result_end());
  }

  void chainOf(Value value) {
    Operation *op = value.getDefiningOp();
    if (op && op->getBlock() == &body && chain.insert(op).second)
      for (Value operand : outsideValues(op))
        chainOf(operand);
  }

  void weightsOf(Operation *op) {
    if (!weights.insert(op).second)
      return;
    for (Value value : outsideValues(op)) {
      Operation *source = value.getDefiningOp();
      bool isHere = source && source->getBlock() == &body;
      if (isHere ? chain.contains(source) && known.contains(value) : known.contains(value))
        handed.insert(value);
      else if (isHere)
        weightsOf(source);
    }
  }

  /// An op that adds to a gradient. What the chain computes anyway is added up there: handed over, it would be stored
  /// and, where ranks have parts of a sum, summed over them for every micro-batch.
  void addUp(Operation &op) {
    bool inChain = llvm::all_of(outsideValues(&op), [&](Value value) {
      Operation *source = value.getDefiningOp();
      return !source || source->getBlock() != &body || chain.contains(source);
    });
    if (inChain)
      chain.insert(&op);
    else
      weightsOf(&op);
  }

  RepeatOp backward;
  Block &body;
  /// What depends on a gradient, or is dear: it is not computed a second time.
  llvm::DenseSet<Value> known;
  llvm::DenseSet<Operation *> chain, weights;
  llvm::SetVector<Value> handed;
};
} // namespace

BackwardHalves::BackwardHalves(RepeatOp backward) {
  Halving halving(backward);
  for (Value value : backward.getYield().getValues())
    halving.chainOf(value);
  for (Operation &op : halving.body.without_terminator())
    if (op.getNumResults() == 0)
      halving.addUp(op);
  for (Operation &op : halving.body.without_terminator()) {
    if (halving.chain.contains(&op))
      chain.insert(&op);
    if (halving.weights.contains(&op))
      weights.insert(&op);
  }
  handed = halving.handed;
}
