// Attention is found from its last contraction upwards: dot over the axis of a softmax, of a function of a dot. What
// the function is does not matter as long as it is elementwise. See Passes.td.
#include "compiler/recognise/Chain.h"
#include "compiler/recognise/Recognise.h"
#include "compiler/recognise/Softmax.h"

#include <cmath>

namespace kinu {
#define GEN_PASS_DEF_RECOGNISEATTENTION
#include "compiler/recognise/Passes.h.inc"
} // namespace kinu

using namespace mlir;
using namespace kinu;
using namespace kinu::recognise;

namespace {
struct Attention {
  Match match;
  DotOp last;
  Value q, k, v, score;
  StringAttr key, query;
  Chain chain;
};
} // namespace

/// Of the axes that only q has, the one whose index the score reads (a mask's), else the longest.
static StringAttr findQuery(const Attention &found) {
  DenseSet<StringAttr> indexed;
  SmallVector<Value> pending = {found.score};
  DenseSet<Value> visited;
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    if (!visited.insert(value).second || value == DotOp(found.chain.dot).getResult())
      continue;
    if (auto index = value.getDefiningOp<IndexOp>())
      indexed.insert(index.getAxis().name);
    if (Operation *op = value.getDefiningOp(); op && op->hasTrait<Elementwise>())
      pending.append(op->operand_begin(), op->operand_end());
  }
  const Axis *best = nullptr;
  auto rank = [&](const Axis &axis) { return std::pair(indexed.contains(axis.name), axis.length); };
  for (const Axis &axis : typeOf(found.q).getAxes())
    if (!typeOf(found.k).has(axis.name) && typeOf(found.score).has(axis.name) && (!best || rank(*best) < rank(axis)))
      best = &axis;
  return best ? best->name : StringAttr();
}

static bool reaches(Value value, Value raw) {
  Operation *op = value.getDefiningOp();
  return value == raw || (op && op->hasTrait<Elementwise>() &&
                          llvm::any_of(op->getOperands(), [&](Value operand) { return reaches(operand, raw); }));
}

/// Whether one number added to a row of raw scores adds one number to the row of `value`, or leaves it at -inf.
static bool shiftsWithRow(Value value, Value raw, StringAttr key) {
  if (value == raw)
    return true;
  Operation *op = value.getDefiningOp();
  if (isa<NegOp, Fp32Op>(op))
    return shiftsWithRow(op->getOperand(0), raw, key);
  if (auto select = dyn_cast<SelectOp>(op))
    return !reaches(select.getCondition(), raw) && isNumber(select.getNo(), -INFINITY) &&
           shiftsWithRow(select.getYes(), raw, key);
  if (!isa<AddOp, SubOp, MulOp, DivOp>(op))
    return false;
  bool first = reaches(op->getOperand(0), raw);
  Value other = op->getOperand(first);
  if (reaches(other, raw) || (isa<DivOp>(op) && !first) || (isa<MulOp, DivOp>(op) && typeOf(other).has(key)))
    return false;
  return shiftsWithRow(op->getOperand(!first), raw, key);
}

/// k without a bias that is the same for every key: it shifts whole rows, which a softmax does not see. So the bias's
/// gradient is exactly 0, and not rounding noise that AdamW would make a step of.
static Value withoutBias(const Attention &found) {
  auto add = found.k.getDefiningOp<AddOp>();
  if (!add || !shiftsWithRow(found.score, DotOp(found.chain.dot).getResult(), found.key))
    return found.k;
  for (auto [rest, bias] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())})
    if (!typeOf(bias).has(found.key) && typeOf(rest).getAxes().size() == typeOf(found.k).getAxes().size())
      return rest;
  return found.k;
}

/// Matches from the contraction of probabilities (operand `side`) and values.
static std::optional<Attention> matchFrom(DotOp last, unsigned side) {
  if (last.getOver().size() != 1)
    return std::nullopt;
  Attention found;
  found.last = last;
  found.match.insert(last);
  found.v = last->getOperand(1 - side);
  std::optional<Exponentials> softmax = matchSoftmax(found.match, last->getOperand(side));
  if (!softmax || softmax->axis != last.getOver()[0])
    return std::nullopt;
  found.key = softmax->axis;
  found.score = softmax->score;
  std::optional<Chain> chain = findChain(found.match, found.score, found.key);
  if (!chain)
    return std::nullopt;
  found.chain = *chain;
  bool keyFirst = typeOf(chain->dot.getLhs()).has(found.key);
  found.q = keyFirst ? chain->dot.getRhs() : chain->dot.getLhs();
  found.k = keyFirst ? chain->dot.getLhs() : chain->dot.getRhs();
  found.query = findQuery(found);
  if (!found.query || typeOf(found.v).has(found.query) || !found.match.isClosed(last))
    return std::nullopt;
  return found;
}

static void rewrite(Attention &found) {
  OpBuilder builder(found.last);
  Operation *biased = found.k.getDefiningOp();
  ArrayAttr key = builder.getArrayAttr({found.key});
  auto attention = AttentionOp::create(
      builder, found.last.getLoc(), found.last.getType(), typeOf(found.score).without(key), found.q, withoutBias(found),
      found.v, found.chain.extras, found.chain.dot.getOver(), found.query, found.key, IntegerAttr());
  defineChain(attention.getScore(), found.chain, found.score);
  found.last.replaceAllUsesWith(attention.getResult());
  found.match.erase();
  if (biased && isOpTriviallyDead(biased))
    biased->erase();
}

namespace {
struct RecogniseAttention : kinu::impl::RecogniseAttentionBase<RecogniseAttention> {
  void runOnOperation() override {
    SmallVector<DotOp> dots;
    getOperation().walk([&](DotOp dot) { dots.push_back(dot); });
    // From the last, because what a match erases stands before its root.
    DenseSet<Operation *> erased;
    for (DotOp dot : llvm::reverse(dots)) {
      if (erased.contains(dot))
        continue;
      std::optional<Attention> found = matchFrom(dot, 0);
      if (!found)
        found = matchFrom(dot, 1);
      if (!found)
        continue;
      erased.insert(found->chain.dot);
      rewrite(*found);
      ++attentions;
    }
  }
};
} // namespace
