// Chooses what a forward repeat saves for its backward one, and computes the rest again.
#include "compiler/differentiate/Recall.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

/// Cheap enough to compute twice, given its operands: one pass that fuses with its use, or a norm, whose operand its
/// own gradient wants anyway.
static bool isCheap(Operation *op) {
  return op->hasTrait<Elementwise>() || isa<BroadcastOp, RenameOp, SliceOp, NormOp>(op);
}

static int64_t bytes(Value value) {
  NamedTensorType type = typeOf(value);
  return type.getNumElements() * (type.isBool() ? 1 : type.isInt() ? 8 : 4);
}

/// The order of values in the forward body: arguments, then results of its ops.
static bool comesBefore(Value a, Value b) {
  Operation *first = a.getDefiningOp(), *second = b.getDefiningOp();
  if (first && second)
    return first == second ? cast<OpResult>(a).getResultNumber() < cast<OpResult>(b).getResultNumber()
                           : first->isBeforeInBlock(second);
  if (first || second)
    return !first;
  return cast<BlockArgument>(a).getArgNumber() < cast<BlockArgument>(b).getArgNumber();
}

bool Recall::isInside(Value value) { return value.getParentRegion() == &forward.getBody(); }

Recall::Recall(RepeatOp forward, Block &backward) : forward(forward), backward(backward) {
  backward.walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (isInside(operand) && !isFree(operand))
        needed.insert(operand);
  });
  SmallVector<Value> ordered(needed.getArrayRef());
  llvm::sort(ordered, comesBefore);
  for (Value value : ordered) {
    SetVector<Value> leaves;
    collectLeaves(value, leaves, onTheWay);
  }
  // What cannot be computed again is saved anyway, so the rest may be computed from it.
  for (Value value : ordered)
    if (!value.getDefiningOp() || !isCheap(value.getDefiningOp()))
      saved.insert(value);
  for (Value value : ordered)
    choose(value);
  saved = [&] {
    SmallVector<Value> values = saved.takeVector();
    llvm::sort(values, comesBefore);
    return SetVector<Value>(values.begin(), values.end());
  }();
}

bool Recall::isFree(Value value) {
  if (!isInside(value) || value == forward.getRound())
    return true;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  auto known = freeValues.find(value);
  if (known != freeValues.end())
    return known->second;
  bool isFreeOp = isa<ConstantOp, IndexOp, InputOp, ReadOp, RandomOp>(op) || isCheap(op);
  bool result = isFreeOp && llvm::all_of(op->getOperands(), [&](Value operand) { return isFree(operand); });
  freeValues[value] = result;
  return result;
}

void Recall::collectLeaves(Value value, SetVector<Value> &leaves, DenseSet<Value> &visited) {
  if (!visited.insert(value).second || isFree(value) || saved.contains(value))
    return;
  Operation *op = value.getDefiningOp();
  if (!op || !isCheap(op)) {
    leaves.insert(value);
    return;
  }
  for (Value operand : op->getOperands())
    collectLeaves(operand, leaves, visited);
}

Value Recall::narrowest(Value leaf) {
  while (!needed.contains(leaf)) {
    Operation *only = nullptr;
    for (Operation *user : leaf.getUsers()) {
      if (!isCheap(user) || !onTheWay.contains(user->getResult(0)) || user == only)
        continue;
      if (only)
        return leaf;
      only = user;
    }
    if (!only || bytes(only->getResult(0)) > bytes(leaf))
      return leaf;
    leaf = only->getResult(0);
  }
  return leaf;
}

void Recall::choose(Value value) {
  SetVector<Value> leaves;
  DenseSet<Value> visited;
  collectLeaves(value, leaves, visited);
  int64_t cost = 0;
  for (Value leaf : leaves)
    cost += bytes(leaf);
  if (cost > bytes(value) || (cost == bytes(value) && leaves.size() > 1)) {
    saved.insert(value);
    return;
  }
  for (Value leaf : leaves)
    saved.insert(narrowest(leaf));
}

Value Recall::recall(Value value, Operation *before) {
  if (!isInside(value))
    return value;
  if (value == forward.getRound())
    return backward.getArgument(0);
  if (Value known = recalled.lookup(value))
    return known;
  Operation *op = value.getDefiningOp();
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, recall(operand, before));
  Operation *again = OpBuilder(before).clone(*op, mapping);
  return recalled[value] = again->getResult(cast<OpResult>(value).getResultNumber());
}

void Recall::rewrite() {
  for (Value value : saved)
    recalled[value] = backward.addArgument(value.getType(), value.getLoc());
  // In order, so that what is computed again stands before its first use.
  for (Operation &top : llvm::make_early_inc_range(backward))
    top.walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands())
        operand.set(recall(operand.get(), &top));
    });
}
