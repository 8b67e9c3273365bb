// Finds the contraction behind a value and sorts the other operands on the way: index expressions, which are copied
// into the region, and extras, which are handed to it.
#include "compiler/recognise/Chain.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/Debug.h"

#define DEBUG_TYPE "kinu-recognise"

using namespace mlir;
using namespace kinu;
using namespace kinu::recognise;

namespace {
class Search {
public:
  Search(Match &match, StringAttr axis) : match(match), axis(axis) {}

  std::optional<Chain> run(Value last);

private:
  bool isContraction(DotOp dot) const;
  /// Whether the value depends on a contraction through elementwise ops; notes the contraction.
  bool depends(Value value);
  void sortOperands(Value value);
  void sortExtra(Value value);
  bool isIndexOnly(Value value);

  Match &match;
  StringAttr axis;
  SetVector<DotOp> dots;
  DenseMap<Value, bool> dependent;
  DenseSet<Value> sorted;
  SetVector<Value> extras;
};
} // namespace

/// Whether a gradient may be wanted of the value: it is a float made from weights, or carried by a repeat.
static bool mayNeedGradient(Value value, DenseSet<Value> &visited) {
  if (!typeOf(value).isFloat() || !visited.insert(value).second)
    return false;
  Operation *op = value.getDefiningOp();
  if (!op || isa<ReadOp, RepeatOp>(op))
    return true;
  return llvm::any_of(op->getOperands(), [&](Value operand) { return mayNeedGradient(operand, visited); });
}

/// Cheap enough to compute for every element: no transcendental function, which a table does better.
static bool isArithmetic(Operation *op) {
  return isa<NegOp, NotOp, ToFloatOp, ToIntOp, AddOp, SubOp, MulOp, FloorDivOp, ModOp, MaxOp, MinOp, AndOp, OrOp,
             CompareOp, SelectOp, AbsOp, DivOp, Fp32Op>(op);
}

bool Search::isContraction(DotOp dot) const {
  return !dot.getOver().empty() && typeOf(dot).has(axis) &&
         typeOf(dot.getLhs()).has(axis) != typeOf(dot.getRhs()).has(axis);
}

bool Search::depends(Value value) {
  if (auto known = dependent.find(value); known != dependent.end())
    return known->second;
  bool result = false;
  Operation *op = value.getDefiningOp();
  if (auto dot = dyn_cast_or_null<DotOp>(op); dot && isContraction(dot)) {
    dots.insert(dot);
    result = true;
  } else if (op && op->hasTrait<Elementwise>()) {
    for (Value operand : op->getOperands())
      result |= depends(operand);
  }
  return dependent[value] = result;
}

bool Search::isIndexOnly(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  return isa<ConstantOp, IndexOp>(op) ||
         (isArithmetic(op) && llvm::all_of(op->getOperands(), [&](Value operand) { return isIndexOnly(operand); }));
}

void Search::sortExtra(Value value) {
  if (isIndexOnly(value))
    return;
  // A mask of documents, say, is made from one number for each position: cheaper to make than to read.
  Operation *op = value.getDefiningOp();
  if (op && isArithmetic(op) && typeOf(value).has(axis) && typeOf(value).getAxes().size() > 1) {
    for (Value operand : op->getOperands())
      sortExtra(operand);
    return;
  }
  extras.insert(value);
}

void Search::sortOperands(Value value) {
  if (!sorted.insert(value).second)
    return;
  Operation *op = value.getDefiningOp();
  match.insert(op);
  if (isa<DotOp>(op))
    return;
  for (Value operand : op->getOperands())
    depends(operand) ? sortOperands(operand) : sortExtra(operand);
}

std::optional<Chain> Search::run(Value last) {
  auto leave = [&](const char *why) {
    LLVM_DEBUG(llvm::dbgs() << last.getLoc() << ": left alone: " << why << "\n");
    return std::nullopt;
  };
  if (!depends(last) || dots.size() != 1)
    return leave("not elementwise in one contraction");
  DotOp dot = dots.front();
  if (dot->getBlock() != last.getParentBlock())
    return leave("the contraction is in another region");
  if (typeOf(last).getAxes().size() != typeOf(dot).getAxes().size())
    return leave("the elementwise ops add axes");
  sortOperands(last);
  DenseSet<Value> visited;
  for (Value extra : extras)
    if (mayNeedGradient(extra, visited))
      return leave("an operand may need a gradient");
  return Chain{dot, llvm::to_vector(extras)};
}

std::optional<Chain> recognise::findChain(Match &match, Value last, StringAttr axis) {
  return Search(match, axis).run(last);
}

void recognise::defineChain(Region &region, const Chain &chain, Value last) {
  SmallVector<Value> arguments = {DotOp(chain.dot).getResult()};
  arguments.append(chain.extras);
  defineRegion(region, arguments, last);
}
