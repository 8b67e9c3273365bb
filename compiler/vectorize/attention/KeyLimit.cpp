// Causal masks, by their comparison of indices.
#include "compiler/vectorize/attention/KeyLimit.h"

#include <cmath>

using namespace mlir;
using namespace kinu;

/// An index along an axis plus a constant.
namespace {
struct Shifted {
  StringAttr axis;
  int64_t offset;
};
} // namespace

static std::optional<int64_t> constantInt(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto number = constant ? dyn_cast<IntegerAttr>(constant.getValue()) : IntegerAttr();
  return number && number.getType().isInteger(64) ? std::optional(number.getInt()) : std::nullopt;
}

static std::optional<Shifted> shiftedIndex(Value value) {
  if (auto index = value.getDefiningOp<IndexOp>())
    return Shifted{index.getAxis().name, 0};
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<AddOp, SubOp>(op))
    return std::nullopt;
  auto base = shiftedIndex(op->getOperand(0));
  auto number = constantInt(op->getOperand(1));
  if (!base || !number)
    return std::nullopt;
  base->offset += isa<AddOp>(op) ? *number : -*number;
  return base;
}

static std::optional<int64_t> limitOfComparison(CompareOp compare, StringAttr query, StringAttr key) {
  auto lhs = shiftedIndex(compare.getLhs()), rhs = shiftedIndex(compare.getRhs());
  if (!lhs || !rhs)
    return std::nullopt;
  ComparePredicate predicate = compare.getPredicate();
  if (predicate == ComparePredicate::ge || predicate == ComparePredicate::gt) {
    std::swap(lhs, rhs);
    predicate = predicate == ComparePredicate::ge ? ComparePredicate::le : ComparePredicate::lt;
  }
  if (lhs->axis != key || rhs->axis != query)
    return std::nullopt;
  int64_t offset = rhs->offset - lhs->offset;
  if (predicate == ComparePredicate::le || predicate == ComparePredicate::eq)
    return offset;
  return predicate == ComparePredicate::lt ? std::optional(offset - 1) : std::nullopt;
}

static std::optional<int64_t> limitOfCondition(Value condition, StringAttr query, StringAttr key) {
  if (auto compare = condition.getDefiningOp<CompareOp>())
    return limitOfComparison(compare, query, key);
  auto both = condition.getDefiningOp<AndOp>();
  if (!both)
    return std::nullopt;
  auto left = limitOfCondition(both.getLhs(), query, key), right = limitOfCondition(both.getRhs(), query, key);
  return left && right ? std::optional(std::min(*left, *right)) : left ? left : right;
}

std::optional<int64_t> kinu::vectorize::keyLimit(Region &score, StringAttr query, StringAttr key) {
  auto select = score.front().getTerminator()->getOperand(0).getDefiningOp<SelectOp>();
  auto no = select ? select.getNo().getDefiningOp<ConstantOp>() : ConstantOp();
  auto number = no ? dyn_cast<FloatAttr>(no.getValue()) : FloatAttr();
  if (!number || !number.getValue().isInfinity() || !number.getValue().isNegative())
    return std::nullopt;
  return limitOfCondition(select.getCondition(), query, key);
}
