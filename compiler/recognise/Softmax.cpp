// Matches softmax and logsumexp; compiler/std/std.kinu has the most careful forms, textbooks the others.
#include "compiler/recognise/Softmax.h"

#include <cmath>

using namespace mlir;
using namespace kinu;
using namespace kinu::recognise;

/// `where(x > number, x, number2)`, or `where(other > number, x, number2)` about a value of the same row: the value
/// that is guarded. Guards choose between a value and a constant, so they change nothing where the row is alive.
static Value throughGuard(Match &match, Value value, double fallback) {
  Match attempt = match;
  auto select = attempt.as<SelectOp>(value);
  if (!select || !isNumber(select.getNo(), fallback))
    return value;
  auto alive = attempt.as<CompareOp>(select.getCondition());
  if (!alive || alive.getPredicate() != ComparePredicate::gt || !attempt.as<ReduceOp>(alive.getLhs()))
    return value;
  std::optional<double> least = numberOf(alive.getRhs());
  if (!least || (*least != 0.0 && *least != -INFINITY))
    return value;
  match = attempt;
  return select.getYes();
}

/// Whether `shift` is the maximum of `score` along the axis, guarded or not.
static bool isShift(Match &match, Value shift, Value score, StringAttr axis) {
  auto max = match.reductionOverOne(throughGuard(match, shift, 0.0), ReductionKind::max);
  return max && max.getOver()[0] == axis && match.same(max.getOperand(), score);
}

/// What `sum`, a sum of exponentials that may be guarded, is of; `shift` is set if one is subtracted.
static std::optional<Exponentials> matchSum(Match &match, Value sum, Value &exponential, Value &shift) {
  auto reduce = match.reductionOverOne(throughGuard(match, sum, 1.0), ReductionKind::sum);
  auto exp = reduce ? match.as<ExpOp>(reduce.getOperand()) : ExpOp();
  if (!exp)
    return std::nullopt;
  auto axis = cast<StringAttr>(reduce.getOver()[0]);
  exponential = exp;
  Match attempt = match;
  if (auto sub = attempt.as<SubOp>(exp.getOperand()); sub && isShift(attempt, sub.getRhs(), sub.getLhs(), axis)) {
    match = attempt;
    shift = sub.getRhs();
    return Exponentials{match.plain(sub.getLhs()), axis};
  }
  return Exponentials{match.plain(exp.getOperand()), axis};
}

std::optional<Exponentials> recognise::matchSoftmax(Match &match, Value value) {
  Value numerator, sum, exponential, shift;
  if (auto div = match.as<DivOp>(value)) {
    numerator = div.getLhs();
    sum = div.getRhs();
  } else if (auto mul = match.as<MulOp>(value)) {
    bool reciprocalLast = match.plain(mul.getRhs()).getDefiningOp<DivOp>();
    auto reciprocal = match.as<DivOp>(reciprocalLast ? mul.getRhs() : mul.getLhs());
    if (!reciprocal || !isNumber(reciprocal.getLhs(), 1.0))
      return std::nullopt;
    numerator = reciprocalLast ? mul.getLhs() : mul.getRhs();
    sum = reciprocal.getRhs();
  } else {
    return std::nullopt;
  }
  std::optional<Exponentials> found = matchSum(match, sum, exponential, shift);
  if (!found || !match.same(numerator, exponential))
    return std::nullopt;
  return found;
}

std::optional<Exponentials> recognise::matchLogSumExp(Match &match, Value value) {
  Value exponential, shift;
  auto add = match.as<AddOp>(value);
  Value first = add ? add.getLhs() : value;
  bool logFirst = match.plain(first).getDefiningOp<LogOp>();
  auto log = match.as<LogOp>(logFirst || !add ? first : add.getRhs());
  if (!log)
    return std::nullopt;
  std::optional<Exponentials> found = matchSum(match, log.getOperand(), exponential, shift);
  // What was subtracted inside is what must be added outside.
  Value added = add ? (logFirst ? add.getRhs() : add.getLhs()) : Value();
  return found && added == shift ? found : std::nullopt;
}
