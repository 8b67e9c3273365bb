// The loss is found from its difference upwards: logsumexp of a function of a dot, minus that function at the target.
// See Passes.td.
#include "compiler/recognise/Chain.h"
#include "compiler/recognise/Recognise.h"
#include "compiler/recognise/Softmax.h"

namespace kinu {
#define GEN_PASS_DEF_RECOGNISELINEARCROSSENTROPY
#include "compiler/recognise/Passes.h.inc"
} // namespace kinu

using namespace mlir;
using namespace kinu;
using namespace kinu::recognise;

namespace {
struct LinearCrossEntropy {
  Match match;
  Operation *last;
  Value hidden, weight, target, logit;
  StringAttr axis;
  Chain chain;
};
} // namespace

/// The one lookup along one axis, known to be in range, that makes the value.
static LookupOp matchLookup(Match &match, Value value) {
  auto lookup = match.as<LookupOp>(value);
  return lookup && lookup.getAxes().size() == 1 && !lookup.getOtherwise() ? lookup : LookupOp();
}

/// `logsumexp(t) - t[a = target]`, or `-(t - logsumexp(t))[a = target]`: the lookup, what t is and the axis.
static std::optional<Exponentials> matchDifference(Match &match, Operation *last, LookupOp &lookup) {
  if (auto sub = dyn_cast<SubOp>(last)) {
    std::optional<Exponentials> found = matchLogSumExp(match, sub.getLhs());
    lookup = found ? matchLookup(match, sub.getRhs()) : LookupOp();
    return lookup && match.same(lookup.getSource(), found->score) ? found : std::nullopt;
  }
  lookup = matchLookup(match, cast<NegOp>(last).getOperand());
  auto logProbability = lookup ? match.as<SubOp>(lookup.getSource()) : SubOp();
  if (!logProbability)
    return std::nullopt;
  std::optional<Exponentials> found = matchLogSumExp(match, logProbability.getRhs());
  return found && match.same(logProbability.getLhs(), found->score) ? found : std::nullopt;
}

static std::optional<LinearCrossEntropy> matchFrom(Operation *last) {
  LinearCrossEntropy found;
  found.last = last;
  found.match.insert(last);
  LookupOp lookup;
  std::optional<Exponentials> difference = matchDifference(found.match, last, lookup);
  if (!difference || difference->axis != lookup.getAxes()[0])
    return std::nullopt;
  found.axis = difference->axis;
  found.logit = difference->score;
  found.target = lookup.getIndices()[0];
  for (const Axis &axis : typeOf(found.target).getAxes())
    if (!typeOf(found.logit).has(axis.name) || axis.name == found.axis)
      return std::nullopt;
  std::optional<Chain> chain = findChain(found.match, found.logit, found.axis);
  if (!chain)
    return std::nullopt;
  found.chain = *chain;
  bool weightFirst = typeOf(chain->dot.getLhs()).has(found.axis);
  found.weight = weightFirst ? chain->dot.getLhs() : chain->dot.getRhs();
  found.hidden = weightFirst ? chain->dot.getRhs() : chain->dot.getLhs();
  // A matrix product: the weight has nothing but what is summed over and the classes.
  if (typeOf(found.weight).getAxes().size() != chain->dot.getOver().size() + 1 || !found.match.isClosed(last))
    return std::nullopt;
  return found;
}

static void rewrite(LinearCrossEntropy &found) {
  OpBuilder builder(found.last);
  NamedTensorType rows = typeOf(found.logit).without(builder.getArrayAttr({found.axis}));
  auto loss = LinearCrossEntropyOp::create(builder, found.last->getLoc(), found.last->getResult(0).getType(), rows,
                                           found.hidden, found.weight, found.target, found.chain.extras,
                                           found.chain.dot.getOver(), found.axis, IntegerAttr());
  defineChain(loss.getLogit(), found.chain, found.logit);
  found.last->getResult(0).replaceAllUsesWith(loss.getResult());
  found.match.erase();
}

namespace {
struct RecogniseLinearCrossEntropy : kinu::impl::RecogniseLinearCrossEntropyBase<RecogniseLinearCrossEntropy> {
  void runOnOperation() override {
    SmallVector<LookupOp> lookups;
    getOperation().walk([&](LookupOp lookup) { lookups.push_back(lookup); });
    // From the lookup, of which there are few, to the difference that it is part of.
    for (LookupOp lookup : lookups) {
      Operation *user = lookup->hasOneUse() ? *lookup->getUsers().begin() : nullptr;
      while (isa_and_nonnull<Fp32Op>(user) && user->hasOneUse())
        user = *user->getUsers().begin();
      if (!isa_and_nonnull<SubOp, NegOp>(user))
        continue;
      if (std::optional<LinearCrossEntropy> found = matchFrom(user)) {
        rewrite(*found);
        ++losses;
      }
    }
  }
};
} // namespace
