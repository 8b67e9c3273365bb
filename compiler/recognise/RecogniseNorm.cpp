// A norm is found from its root upwards and downwards: up from the square root to x, down to the gain and the bias. See
// Passes.td.
#include "compiler/recognise/Match.h"
#include "compiler/recognise/Recognise.h"

namespace kinu {
#define GEN_PASS_DEF_RECOGNISENORM
#include "compiler/recognise/Passes.h.inc"
} // namespace kinu

using namespace mlir;
using namespace kinu;
using namespace kinu::recognise;

namespace {
struct Norm {
  Match match;
  Operation *last;
  SmallVector<Value> operands; ///< x, then the gain and the bias
  ArrayAttr over;
};
} // namespace

/// The one constant and the other operand of a sum or product.
static Value besidesConstant(Operation *op) {
  if (numberOf(op->getOperand(1)))
    return op->getOperand(0);
  return numberOf(op->getOperand(0)) ? op->getOperand(1) : Value();
}

/// The sum over axes that makes the value, divided by a constant or not.
static ReduceOp matchMean(Match &match, Value value) {
  if (auto div = match.as<DivOp>(value); div && numberOf(div.getRhs()))
    value = div.getLhs();
  else if (auto mul = match.as<MulOp>(value); mul && besidesConstant(mul))
    value = besidesConstant(mul);
  auto reduce = match.as<ReduceOp>(value);
  return reduce && reduce.getKind() == ReductionKind::sum ? reduce : ReduceOp();
}

/// What is squared, as a product or a power.
static Value matchSquare(Match &match, Value value) {
  if (auto mul = match.as<MulOp>(value); mul && match.same(mul.getLhs(), mul.getRhs()))
    return match.plain(mul.getLhs());
  if (auto pow = match.as<PowOp>(value); pow && isNumber(pow.getRhs(), 2.0))
    return match.plain(pow.getLhs());
  return {};
}

/// x, of which `centred` is x or x minus its mean over the axes.
static Value matchCentred(Match &match, Value centred, ArrayAttr over) {
  Match attempt = match;
  auto sub = attempt.as<SubOp>(centred);
  ReduceOp mean = sub ? matchMean(attempt, sub.getRhs()) : ReduceOp();
  if (!mean || mean.getOver() != over || !attempt.same(mean.getOperand(), sub.getLhs()))
    return match.plain(centred);
  match = attempt;
  return match.plain(sub.getLhs());
}

/// x and the axes, from `numerator / root`: root = sqrt(mean(c c) + eps), or sqrt(mean(x x) - mean(x)^2 + eps).
static Value matchQuotient(Match &match, Value numerator, SqrtOp root, ArrayAttr &over) {
  auto sum = match.as<AddOp>(root.getOperand());
  Value variance = sum ? besidesConstant(sum) : Value();
  if (!variance)
    return {};
  Match attempt = match;
  auto difference = attempt.as<SubOp>(variance);
  ReduceOp ofSquares = matchMean(attempt, difference ? difference.getLhs() : variance);
  Value squared = ofSquares ? matchSquare(attempt, ofSquares.getOperand()) : Value();
  if (!squared)
    return {};
  over = ofSquares.getOver();
  Value x = matchCentred(attempt, numerator, over);
  if (difference) { // then what is squared is x, and the mean's square is taken away
    Value mean = matchSquare(attempt, difference.getRhs());
    ReduceOp ofMean = mean ? matchMean(attempt, mean) : ReduceOp();
    if (!ofMean || ofMean.getOver() != over || !attempt.same(ofMean.getOperand(), x) || squared != x)
      return {};
  } else if (!attempt.same(squared, numerator)) {
    return {};
  }
  match = attempt;
  return x;
}

/// The op that divides by the root, or multiplies with its reciprocal, and its other operand.
static Operation *matchDivision(Match &match, SqrtOp root, Value &numerator) {
  for (Operation *user : root->getUsers()) {
    auto div = dyn_cast<DivOp>(user);
    if (!div || div.getRhs() != root.getResult())
      continue;
    match.insert(div);
    numerator = div.getLhs();
    if (!isNumber(numerator, 1.0))
      return div;
    auto mul = div->hasOneUse() ? dyn_cast<MulOp>(*div->getUsers().begin()) : MulOp();
    if (!mul)
      return nullptr;
    match.insert(mul);
    numerator = mul.getLhs() == div.getResult() ? mul.getRhs() : mul.getLhs();
    return mul;
  }
  return nullptr;
}

/// Goes on to the op that scales or shifts the result by something smaller, if that is its only use; `1 + gain` belongs
/// to the norm.
template <typename Op> static void matchAffine(Norm &found, NamedTensorType x) {
  Operation *user = found.last->hasOneUse() ? *found.last->getUsers().begin() : nullptr;
  auto op = dyn_cast_or_null<Op>(user);
  if (!op || user->getBlock() != found.last->getBlock() || op.getType().getNumElements() != x.getNumElements())
    return;
  Value other = op.getLhs() == found.last->getResult(0) ? op.getRhs() : op.getLhs();
  if (typeOf(other).getNumElements() >= x.getNumElements() || numberOf(other))
    return;
  found.match.insert(op);
  found.last = op;
  if (auto add = other.getDefiningOp<AddOp>(); add && add->hasOneUse() && besidesConstant(add)) {
    found.match.insert(add);
    other = besidesConstant(add);
  }
  if (!llvm::is_contained(found.operands, other))
    found.operands.push_back(other);
}

static std::optional<Norm> matchFrom(SqrtOp root) {
  Norm found;
  found.match.insert(root);
  Value numerator;
  found.last = matchDivision(found.match, root, numerator);
  if (!found.last)
    return std::nullopt;
  Value x = matchQuotient(found.match, numerator, root, found.over);
  if (!x || typeOf(found.last->getResult(0)).getNumElements() != typeOf(x).getNumElements())
    return std::nullopt;
  found.operands.push_back(x);
  matchAffine<MulOp>(found, typeOf(x));
  matchAffine<AddOp>(found, typeOf(x));
  if (!found.match.isClosed(found.last))
    return std::nullopt;
  return found;
}

static void rewrite(Norm &found) {
  OpBuilder builder(found.last);
  auto norm =
      NormOp::create(builder, found.last->getLoc(), found.last->getResult(0).getType(), found.operands, found.over);
  defineRegion(norm.getBody(), found.operands, found.last->getResult(0));
  found.last->getResult(0).replaceAllUsesWith(norm.getResult());
  found.match.erase();
}

namespace {
struct RecogniseNorm : kinu::impl::RecogniseNormBase<RecogniseNorm> {
  void runOnOperation() override {
    SmallVector<SqrtOp> roots;
    getOperation().walk([&](SqrtOp root) { roots.push_back(root); });
    for (SqrtOp root : roots)
      if (std::optional<Norm> found = matchFrom(root)) {
        rewrite(*found);
        ++norms;
      }
  }
};
} // namespace
