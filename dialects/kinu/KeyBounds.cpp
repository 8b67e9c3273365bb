// Causal masks and windows, by their comparisons of indices.
#include "dialects/kinu/KeyBounds.h"

#include <cmath>

using namespace mlir;
using namespace kinu;

namespace {
/// queries * query index + keys * key index + constant + the scalars times their factors, in the arguments' order.
struct Linear {
  int64_t queries = 0, keys = 0, constant = 0;
  KeyBounds::Shift scalars = {};

  Linear plus(const Linear &other, int64_t sign) const {
    Linear sum{queries + sign * other.queries, keys + sign * other.keys, constant + sign * other.constant, scalars};
    for (auto [argument, factor] : other.scalars)
      sum.add(argument, sign * factor);
    return sum;
  }
  void add(BlockArgument argument, int64_t factor) {
    auto *place =
        llvm::find_if(scalars, [&](auto &one) { return one.first.getArgNumber() >= argument.getArgNumber(); });
    if (place == scalars.end() || place->first != argument)
      place = scalars.insert(place, {argument, 0});
    place->second += factor;
    if (place->second == 0)
      scalars.erase(place);
  }
};

struct Axes {
  StringAttr query, key;
};
} // namespace

static std::optional<Linear> linear(Value value, const Axes &axes) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    bool isScalar = typeOf(value).isInt() && typeOf(value).getAxes().empty();
    return isScalar ? std::optional(Linear{0, 0, 0, {{argument, 1}}}) : std::nullopt;
  }
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast_if_present<ConstantOp>(op)) {
    auto number = dyn_cast<IntegerAttr>(constant.getValue());
    return number && number.getType().isInteger(64) ? std::optional(Linear{0, 0, number.getInt(), {}}) : std::nullopt;
  }
  if (auto index = dyn_cast_if_present<IndexOp>(op)) {
    StringAttr axis = index.getAxis().name;
    return axis == axes.query ? std::optional(Linear{1, 0, 0, {}})
           : axis == axes.key ? std::optional(Linear{0, 1, 0, {}})
                              : std::nullopt;
  }
  if (!isa_and_present<AddOp, SubOp>(op))
    return std::nullopt;
  auto left = linear(op->getOperand(0), axes), right = linear(op->getOperand(1), axes);
  if (!left || !right)
    return std::nullopt;
  return left->plus(*right, isa<AddOp>(op) ? 1 : -1);
}

/// What a comparison says of key - query; empty if nothing.
static KeyBounds boundsOf(CompareOp compare, const Axes &axes) {
  auto left = linear(compare.getLhs(), axes), right = linear(compare.getRhs(), axes);
  if (!left || !right)
    return {};
  Linear side = left->plus(*right, -1); // compared with 0
  if (side.keys + side.queries != 0 || std::abs(side.keys) != 1)
    return {};
  // keys * (key - query) + constant, so the difference is compared with `limit` from the one or the other side.
  int64_t limit = -side.constant * side.keys;
  bool turned = side.keys < 0;
  KeyBounds::Shift shift = side.scalars;
  for (auto &[argument, factor] : shift)
    factor *= side.keys;
  auto atLeast = [&](int64_t least) { return KeyBounds{least, {}, shift}; };
  auto atMost = [&](int64_t most) { return KeyBounds{{}, most, shift}; };
  switch (compare.getPredicate()) {
  case ComparePredicate::eq: return {limit, limit, shift};
  case ComparePredicate::ne: return {};
  case ComparePredicate::le: return turned ? atLeast(limit) : atMost(limit);
  case ComparePredicate::lt: return turned ? atLeast(limit + 1) : atMost(limit - 1);
  case ComparePredicate::ge: return turned ? atMost(limit) : atLeast(limit);
  case ComparePredicate::gt: return turned ? atMost(limit - 1) : atLeast(limit + 1);
  }
  llvm_unreachable("a predicate");
}

static KeyBounds both(const KeyBounds &x, const KeyBounds &y) {
  if (!x.any())
    return y;
  KeyBounds bounds = x;
  if (y.shift != x.shift) // what y hides is left to the comparison
    return bounds;
  if (y.least)
    bounds.least = std::max(*y.least, x.least.value_or(*y.least));
  if (y.most)
    bounds.most = std::min(*y.most, x.most.value_or(*y.most));
  return bounds;
}

static KeyBounds boundsOfCondition(Value condition, const Axes &axes) {
  if (auto compare = condition.getDefiningOp<CompareOp>())
    return boundsOf(compare, axes);
  auto conjunction = condition.getDefiningOp<AndOp>();
  return conjunction
             ? both(boundsOfCondition(conjunction.getLhs(), axes), boundsOfCondition(conjunction.getRhs(), axes))
             : KeyBounds();
}

KeyBounds kinu::keyBounds(Region &score, StringAttr query, StringAttr key) {
  auto select = score.front().getTerminator()->getOperand(0).getDefiningOp<SelectOp>();
  auto no = select ? select.getNo().getDefiningOp<ConstantOp>() : ConstantOp();
  auto number = no ? dyn_cast<FloatAttr>(no.getValue()) : FloatAttr();
  if (!number || !number.getValue().isInfinity() || !number.getValue().isNegative())
    return {};
  return boundsOfCondition(select.getCondition(), {query, key});
}

SmallVector<CompareOp> kinu::impliedBy(const KeyBounds &bounds, Region &region, StringAttr query, StringAttr key) {
  SmallVector<CompareOp> implied;
  for (CompareOp compare : region.front().getOps<CompareOp>()) {
    KeyBounds own = boundsOf(compare, {query, key});
    bool fromBelow = !own.least || (bounds.least && *bounds.least >= *own.least);
    bool fromAbove = !own.most || (bounds.most && *bounds.most <= *own.most);
    if (own.any() && own.shift == bounds.shift && fromBelow && fromAbove)
      implied.push_back(compare);
  }
  return implied;
}

double KeyBounds::pairs(int64_t queries, int64_t keys) const {
  if (!shift.empty())
    return double(queries) * double(keys) * 2 / 3;
  double sum = 0;
  for (int64_t query = 0; query < queries; ++query) {
    int64_t first = least ? std::max<int64_t>(0, query + *least) : 0;
    int64_t end = most ? std::min(keys, query + *most + 1) : keys;
    sum += double(std::max<int64_t>(0, end - first));
  }
  return sum;
}
