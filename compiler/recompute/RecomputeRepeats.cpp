// Rewrites pairs of a forward repeat and its backward repeat.
#include "compiler/recompute/Recompute.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallBitVector.h"

namespace kinu::recompute {
#define GEN_PASS_DEF_RECOMPUTEREPEATS
#include "compiler/recompute/Passes.h.inc"
} // namespace kinu::recompute

using namespace mlir;
using namespace kinu;

namespace {

/// A forward repeat and a backward one that is given what it saved.
class RepeatPair {
public:
  RepeatPair(RepeatOp forward, RepeatOp backward)
      : forward(forward), backward(backward), forwardBody(&forward.getBody().front()),
        backwardBody(&backward.getBody().front()) {}

  /// The number of values that the backward repeat is given no more.
  unsigned rewrite();

private:
  /// What the forward rounds yield for a stacked operand of the backward repeat; null if that is nothing of theirs.
  Value yieldedFor(Value stacked);
  /// Collects what `value` of the forward body is computed from.
  void need(Value value);
  /// The forward repeat with those saved values that somebody still wants, and what its rounds carry; the results by
  /// what is yielded for them.
  llvm::DenseMap<Value, Value> resave();
  /// Gives the backward repeat what it is still given, and what the ops that are cloned want; `yielded` are the forward
  /// rounds' values for what it was given.
  void feed(ArrayRef<Value> yielded);
  void cloneNeeded();
  /// The clones' results take the place of what the backward repeat was given.
  void replace(ArrayRef<Value> yielded);

  RepeatOp forward, backward;
  Block *forwardBody, *backwardBody;
  llvm::SmallBitVector again;         ///< of the backward repeat's stacked operands: computed again
  llvm::DenseSet<Operation *> needed; ///< ops of the forward body
  llvm::SetVector<BlockArgument> neededArguments;
  IRMapping mapping; ///< from the forward body to the backward body
};

} // namespace

Value RepeatPair::yieldedFor(Value stacked) {
  auto result = dyn_cast<OpResult>(stacked);
  if (!result || result.getOwner() != forward)
    return {};
  return forward.getYield().getValues()[result.getResultNumber()];
}

void RepeatPair::need(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() == forwardBody && argument != forward.getRound())
      neededArguments.insert(argument);
    return;
  }
  Operation *op = forwardBody->findAncestorOpInBlock(*value.getDefiningOp());
  if (!op || !needed.insert(op).second)
    return;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      need(operand);
  });
}

llvm::DenseMap<Value, Value> RepeatPair::resave() {
  unsigned unsaved = forward.getResults().size() + forward.getSums().size();
  llvm::SetVector<Value> kept;
  for (Value saved : forward.getSaved())
    if (llvm::any_of(saved.getUses(), [&](OpOperand &use) {
          int64_t stacked = int64_t(use.getOperandNumber()) - int64_t(backward.getCarried().size());
          return use.getOwner() != backward || stacked < 0 || !again[stacked];
        }))
      kept.insert(yieldedFor(saved));
  for (BlockArgument argument : neededArguments)
    if (argument.getArgNumber() <= forward.getCarried().size())
      kept.insert(argument);

  SmallVector<Type> types;
  for (Value value : kept)
    types.push_back(forward.getStackedType(typeOf(value)));
  OpBuilder b(forward);
  auto made = RepeatOp::create(b, forward.getLoc(), forward.getResults().getTypes(), forward.getSums().getTypes(),
                               types, forward.getAxis(), forward.getCount(), forward.getReverse(), forward.getCarried(),
                               forward.getStacked());
  SmallVector<Value> yielded(forward.getYield().getValues().take_front(unsaved));
  llvm::append_range(yielded, kept);
  llvm::DenseMap<Value, Value> results;
  for (auto [value, result] : llvm::zip(kept, made.getSaved()))
    results[value] = result;
  for (auto [i, result] : llvm::enumerate(forward->getResults()))
    if (Value now = i < unsaved ? Value(made->getResult(i)) : results.lookup(yieldedFor(result)))
      result.replaceAllUsesWith(now);
  made.getBody().takeBody(forward.getBody());
  made.getYield()->setOperands(yielded);
  std::swap(forward, made);
  made->dropAllUses(); // of what the backward repeat is about to give up
  made.erase();
  return results;
}

void RepeatPair::feed(ArrayRef<Value> yielded) {
  unsigned carried = forward.getCarried().size();
  llvm::DenseMap<Value, Value> saved = resave();
  SmallVector<Value> stacked;
  for (auto [i, given] : llvm::enumerate(backward.getStacked())) {
    if (again[i])
      continue;
    stacked.push_back(yielded[i] ? saved.lookup(yielded[i]) : given);
    if (isa_and_nonnull<BlockArgument>(yielded[i]))
      mapping.map(yielded[i], backward.getStackedArguments()[i]);
  }
  for (BlockArgument argument : neededArguments) {
    if (mapping.contains(argument))
      continue;
    bool isCarried = argument.getArgNumber() <= carried;
    stacked.push_back(isCarried ? saved.lookup(argument)
                                : Value(forward.getStacked()[argument.getArgNumber() - 1 - carried]));
    mapping.map(argument, backwardBody->addArgument(argument.getType(), argument.getLoc()));
  }
  backward.getStackedMutable().assign(stacked);
}

void RepeatPair::cloneNeeded() {
  OpBuilder b = OpBuilder::atBlockBegin(backwardBody);
  mapping.map(forward.getRound(), backward.getRound());
  for (Operation &op : forwardBody->without_terminator())
    if (needed.contains(&op))
      b.clone(op, mapping);
}

void RepeatPair::replace(ArrayRef<Value> yielded) {
  unsigned first = 1 + backward.getCarried().size();
  for (unsigned i = yielded.size(); i-- > 0;)
    if (again[i]) {
      backwardBody->getArgument(first + i).replaceAllUsesWith(mapping.lookup(yielded[i]));
      backwardBody->eraseArgument(first + i);
    }
}

unsigned RepeatPair::rewrite() {
  SmallVector<Value> yielded =
      llvm::map_to_vector(backward.getStacked(), [&](Value value) { return yieldedFor(value); });
  again.resize(yielded.size());
  for (auto [i, value] : llvm::enumerate(yielded))
    if (value && value.getDefiningOp() && value.getParentBlock() == forwardBody) {
      again.set(i);
      need(value);
    }
  if (again.none())
    return 0;
  feed(yielded);
  cloneNeeded();
  replace(yielded);
  return again.count();
}

namespace {
struct RecomputeRepeats : recompute::impl::RecomputeRepeatsBase<RecomputeRepeats> {
  void runOnOperation() override {
    getOperation()->walk([&](RepeatOp backward) {
      llvm::SetVector<Operation *> forwards;
      for (Value stacked : backward.getStacked())
        if (auto forward = stacked.getDefiningOp<RepeatOp>(); forward && forward->hasAttr("kinu.recompute"))
          forwards.insert(forward);
      for (Operation *forward : forwards)
        dropped += RepeatPair(cast<RepeatOp>(forward), backward).rewrite();
    });
    getOperation()->walk([](RepeatOp repeat) { repeat->removeAttr("kinu.recompute"); });
  }
};
} // namespace
