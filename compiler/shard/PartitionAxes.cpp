// Products, reductions, and ops that change axes.
#include "compiler/shard/Partition.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

/// An axis of the weights that a rule splits where the rules split the other operand along an axis that weights lack:
/// experts, of which each rank has some, and sequences. The other operand, which has both axes, then goes to the ranks
/// of its experts.
OnMeshAxis Partition::ofExperts(DotOp op, unsigned m) {
  OnMeshAxis natural = rules.natural(op.getType())[m];
  for (auto [weight, other] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    OnMeshAxis here = values.on(weight, m);
    bool apart = here.state == OnMeshAxis::Split && natural.state == OnMeshAxis::Split && here != natural &&
                 rules.hasRule(here.axis, m) && !typeOf(weight).has(natural.axis);
    if (apart && op.getType().has(here.axis) && typeOf(other).has(here.axis) && typeOf(other).has(natural.axis))
      return here;
  }
  return {};
}

/// A product is split along an axis of its result, or along an axis that it sums over: then it is partial.
void Partition::dot(DotOp op) {
  Sharding operand = rules.whole(), result = rules.whole(), natural = rules.natural(op.getType());
  auto sums = [&](StringAttr axis) { return axis && contains(op.getOver(), axis.getValue()); };
  for (unsigned m = 0; m < operand.size(); ++m) {
    OnMeshAxis sides[] = {values.on(op.getLhs(), m), values.on(op.getRhs(), m)};
    auto split = [&](bool summed) {
      auto *found = llvm::find_if(
          sides, [&](const OnMeshAxis &side) { return side.state == OnMeshAxis::Split && sums(side.axis) == summed; });
      return found == std::end(sides) ? OnMeshAxis() : *found;
    };
    bool alike = sides[0] == sides[1] && sides[0].state == OnMeshAxis::Split && sums(sides[0].axis);
    if (alike) { // nothing moves, even where the rules split the sum: it is scattered then
      operand[m] = sides[0];
      result[m] = OnMeshAxis::partial(ReductionKind::sum);
    } else if (OnMeshAxis experts = ofExperts(op, m); experts.state == OnMeshAxis::Split) {
      operand[m] = result[m] = experts;
    } else if (natural[m].state == OnMeshAxis::Split) {
      operand[m] = result[m] = natural[m];
    } else if (OnMeshAxis summed = split(true); summed.state == OnMeshAxis::Split) {
      operand[m] = summed;
      result[m] = OnMeshAxis::partial(ReductionKind::sum);
    } else {
      operand[m] = result[m] = split(false);
    }
  }
  auto factor = [&](Value whole) {
    return values.hidePadding(local(whole, operand), typeOf(whole), operand, op.getOver());
  };
  copy(op, {factor(op.getLhs()), factor(op.getRhs())}, result);
}

void Partition::reduce(ReduceOp op) {
  Value operand = op.getOperand();
  bool sums = op.getKind() == ReductionKind::sum;
  if (!sums)
    values.settle(operand);
  SmallVector<Part> parts;
  for (const Part &part : llvm::to_vector(values.partsOf(operand))) {
    Sharding result = part.sharding;
    for (OnMeshAxis &on : result)
      if (on.state == OnMeshAxis::Split && contains(op.getOver(), on.axis.getValue()))
        on = OnMeshAxis::partial(op.getKind());
    Value from = part.value ? part.value : values.get(operand, part.sharding);
    // A part that lacks summed axes counts once for each of their elements.
    NamedTensorType full = rules.local(typeOf(operand), rules.restrict(part.sharding, typeOf(operand)));
    if (typeOf(from).getAxes().size() != full.getAxes().size())
      from = BroadcastOp::create(b, op.getLoc(), full, from);
    from = values.hidePadding(from, typeOf(operand), part.sharding, op.getOver(), op.getKind());
    parts.push_back({ReduceOp::create(b, op.getLoc(), op.getKind(), from, op.getOver()), result});
  }
  values.setSum(op, parts);
}

/// The axes that an op takes away or changes; its other axes are independent of one another.
static SmallVector<StringAttr> changedAxes(Operation *op) {
  if (auto rename = dyn_cast<RenameOp>(op))
    return {rename.getFromAttr()};
  if (auto slice = dyn_cast<SliceOp>(op))
    return {slice.getAxisAttr()};
  if (auto pad = dyn_cast<PadOp>(op))
    return {pad.getAxisAttr()};
  if (auto split = dyn_cast<SplitOp>(op))
    return {split.getAxisAttr()};
  if (auto join = dyn_cast<JoinOp>(op))
    return llvm::to_vector(join.getFactors().getAsRange<StringAttr>());
  if (auto concat = dyn_cast<ConcatOp>(op))
    return llvm::to_vector(concat.getAxes().getAsRange<StringAttr>());
  if (auto sum = dyn_cast<CumSumOp>(op))
    return {sum.getOverAttr()};
  if (auto top = dyn_cast<TopOp>(op))
    return {top.getOverAttr()};
  return {};
}

/// Where an axis that is split goes on as another, or as its outermost part: null if it does not.
static StringAttr survivesAs(Operation *op, StringAttr axis) {
  if (auto rename = dyn_cast<RenameOp>(op))
    return rename.getToAttr();
  if (auto split = dyn_cast<SplitOp>(op))
    return cast<StringAttr>(split.getFactors()[0]);
  if (auto join = dyn_cast<JoinOp>(op); join && join.getFactors()[0] == axis)
    return join.getAxisAttr();
  return {};
}

/// Sums of partial values that are only renamed stay sums: the gradients that an attention's input gets by its keys and
/// by its queries are reduced over ranks together. True if `op` is such a renaming.
bool Partition::renameOfPartials(RenameOp op) {
  SmallVector<Part> parts(values.partsOf(op.getOperand()));
  auto isSum = [](const OnMeshAxis &on) { return on.state != OnMeshAxis::Partial || on.kind == ReductionKind::sum; };
  auto keeps = [&](const Part &part) {
    bool moves = llvm::any_of(part.sharding, [&](const OnMeshAxis &on) {
      return on.state == OnMeshAxis::Split && (on.axis == op.getFromAttr() || on.axis == op.getToAttr());
    });
    return part.value && !moves && llvm::all_of(part.sharding, isSum);
  };
  bool partial = llvm::any_of(parts, [](const Part &part) { return isPartial(part.sharding); });
  if (!partial || !llvm::all_of(parts, keeps))
    return false;
  for (Part &part : parts)
    if (typeOf(part.value).has(op.getFromAttr()))
      part.value = RenameOp::create(b, op.getLoc(), part.value, op.getFromAttr(), op.getToAttr());
  values.setSum(op, parts);
  return true;
}

/// A changed axis must be whole, unless it is split and its outermost part is what the rules split the result along.
void Partition::moveAxes(Operation *op) {
  if (auto rename = dyn_cast<RenameOp>(op); rename && renameOfPartials(rename))
    return;
  NamedTensorType type = typeOf(op->getResult(0));
  Sharding operand = joint(op->getOperands(), type), result = operand, natural = rules.natural(type);
  SmallVector<StringAttr> changed = changedAxes(op);
  for (unsigned m = 0; m < operand.size(); ++m) {
    OnMeshAxis here = values.on(op->getOperand(0), m);
    bool touched = here.state == OnMeshAxis::Split && llvm::is_contained(changed, here.axis);
    StringAttr after = touched ? survivesAs(op, here.axis) : StringAttr();
    auto isBalanced = [&](Value value, StringAttr axis) {
      return rules.isBalanced(axis, m, typeOf(value).length(axis));
    };
    if (after && isBalanced(op->getOperand(0), here.axis) != isBalanced(op->getResult(0), after))
      after = {};
    // What is the same everywhere costs as little in parts.
    if (isa<BroadcastOp>(op) && natural[m].state == OnMeshAxis::Split && operand[m].state == OnMeshAxis::Whole) {
      operand[m] = result[m] = natural[m];
      continue;
    }
    if (after && natural[m] == OnMeshAxis::splitAlong(after) && type.length(after) % rules.degrees[m] == 0) {
      operand[m] = here;
      result[m] = natural[m];
    } else if (operand[m].state == OnMeshAxis::Split && llvm::is_contained(changed, operand[m].axis)) {
      operand[m] = result[m] = {};
    } else if (operand[m].state == OnMeshAxis::Split &&
               !llvm::any_of(op->getOperands(), [&](Value value) { return typeOf(value).has(operand[m].axis); })) {
      operand[m] = result[m] = {}; // an axis that the op makes
    }
  }
  SmallVector<Value> operands;
  for (Value value : op->getOperands())
    operands.push_back(local(value, operand));
  copy(op, operands, result);
}

/// Whether a table that ZeRO shares out is put together for a lookup: where that is less to send than what all ranks
/// look up, which each would get its part of, or a sum.
static bool isGathered(const Rules &rules, LookupOp op, unsigned m, bool indicesAreSplit) {
  NamedTensorType table = typeOf(op.getSource()), result = op.getType();
  if (rules.natural(table)[m].state == OnMeshAxis::Split)
    return false; // the layout shares it out
  return table.getNumElements() <= result.getNumElements() * (indicesAreSplit ? 1 : 2);
}

/// A table split along the axis that is looked up: each rank gives what it has and 0 for the rest.
void Partition::lookup(LookupOp op) {
  Location loc = op.getLoc();
  NamedTensorType source = typeOf(op.getSource());
  Sharding table = values.settle(op.getSource());
  Sharding wanted = joint(op.getIndices(), op.getType()), result;
  auto looksUp = [&](StringAttr axis) { return axis && contains(op.getAxes(), axis.getValue()); };
  bool zeroOutside = !op.getOtherwise() || op.getOtherwise()->isZero();
  for (unsigned m = 0; m < table.size(); ++m) {
    bool inside = table[m].state == OnMeshAxis::Split && !looksUp(table[m].axis);
    bool across = table[m].state == OnMeshAxis::Split && looksUp(table[m].axis);
    bool indicesAreSplit = wanted[m].state == OnMeshAxis::Split;
    // What experts have computed goes back to the ranks of its sequences.
    if (across && indicesAreSplit && wanted[m] == rules.natural(source)[m] && !looksUp(wanted[m].axis)) {
      table[m] = wanted[m];
      continue;
    }
    bool padded = across && rules.isPadded({table[m].axis, source.length(table[m].axis)}, table);
    if (across && (padded || !zeroOutside || !source.isFloat() || isGathered(rules, op, m, indicesAreSplit)))
      table[m] = {};
    else if (across)
      wanted[m] = {};
    else if (inside && (wanted[m].state == OnMeshAxis::Whole || rules.natural(op.getType())[m] == table[m]))
      wanted[m] = table[m];
    else if (!across)
      table[m] = wanted[m].state == OnMeshAxis::Split && source.has(wanted[m].axis) && !looksUp(wanted[m].axis)
                     ? wanted[m]
                     : OnMeshAxis();
  }
  result = wanted;
  SmallVector<Value> indices;
  FloatAttr otherwise = op.getOtherwiseAttr();
  for (auto [name, index] : llvm::zip(op.getAxes().getAsRange<StringAttr>(), op.getIndices())) {
    Value place = local(index, wanted);
    if (!splitters(table, name).empty()) {
      place = values.placeInPart(loc, place, {name, source.length(name)}, table);
      otherwise = b.getF64FloatAttr(0);
      for (unsigned m : splitters(table, name))
        result[m] = OnMeshAxis::partial(ReductionKind::sum);
    }
    indices.push_back(place);
  }
  Value made = LookupOp::create(b, loc, rules.local(op.getType(), wanted), values.get(op.getSource(), table),
                                op.getAxes(), indices, otherwise);
  values.set(op, made, result);
}

/// A result split along the axis that is scattered to: each rank keeps what falls into its part.
void Partition::scatter(ScatterOp op) {
  Location loc = op.getLoc();
  Sharding natural = rules.natural(op.getType()), operand = joint(op.getOperand(), typeOf(op.getOperand())), result;
  for (unsigned m = 0; m < operand.size(); ++m) {
    bool target = natural[m].state == OnMeshAxis::Split && contains(op.getAxes(), natural[m].axis.getValue());
    if (target)
      operand[m] = {};
    result.push_back(target ? natural[m] : operand[m]);
  }
  SmallVector<Value> indices;
  bool drop = op.getDrop();
  for (auto [name, index] : llvm::zip(op.getAxes().getAsRange<StringAttr>(), op.getIndices())) {
    Value place = local(index, operand);
    if (!splitters(result, name).empty()) {
      place = values.placeInPart(loc, place, {name, op.getType().length(name)}, result);
      drop = true;
    }
    indices.push_back(place);
  }
  NamedTensorType type = rules.local(op.getType(), rules.restrict(result, op.getType()));
  Value made = ScatterOp::create(
      b, loc, type, values.hidePadding(local(op.getOperand(), operand), typeOf(op.getOperand()), operand, op.getOver()),
      op.getOver(), op.getAxes(), indices, drop);
  for (OnMeshAxis &on : result)
    if (on.state == OnMeshAxis::Split && !op.getType().has(on.axis))
      on = OnMeshAxis::partial(ReductionKind::sum);
  values.set(op, made, result);
}
