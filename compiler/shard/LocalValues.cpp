// Getting a value to lie as its user wants it: the collectives, and the slices that need none.
#include "compiler/shard/LocalValues.h"

#include "compiler/shard/Reshards.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

/// Axes of one name have one length within a kernel, so a part of an axis, or the whole of it, goes by another name
/// where the two meet.
static StringAttr partOf(StringAttr axis) { return StringAttr::get(axis.getContext(), "part." + axis.getValue()); }
static StringAttr wholeOf(StringAttr axis) { return StringAttr::get(axis.getContext(), "whole." + axis.getValue()); }

static Value renamed(OpBuilder &b, Value value, StringAttr from, StringAttr to) {
  return RenameOp::create(b, value.getLoc(), value, from, to);
}

LocalValues::LocalValues(OpBuilder &builder, const Rules &rules, Location loc) : b(builder), rules(rules) {
  auto scalar = NamedTensorType::get(b.getContext(), {}, b.getI64Type());
  for (StringAttr name : rules.names)
    coordinates.push_back(InputOp::create(b, loc, scalar, ("$rank." + name.getValue()).str(), IntegerAttr()));
}

static bool hasAxis(Value value, StringAttr axis) { return typeOf(value).has(axis); }

Value LocalValues::sumOf(Location loc, Value x, Value y) { return AddOp::create(b, loc, x, y); }

/// A value of 16-bit floats in fp32; a product that nobody has used yet is computed so.
static Value widened(OpBuilder &b, Value value) {
  NamedTensorType type = typeOf(value);
  if (!type.isFloat() || type.getElement().isF32())
    return value;
  if (!value.getDefiningOp<DotOp>() || !value.use_empty())
    return CastOp::create(b, value.getLoc(), value, b.getF32Type());
  value.setType(type.withElement(b.getF32Type()));
  return value;
}

void LocalValues::set(Value whole, Value local, Sharding sharding) {
  if (isPartial(sharding))
    local = widened(b, local);
  parts[whole] = {{local, std::move(sharding)}};
}

void LocalValues::setSum(Value whole, ArrayRef<Part> summands) {
  SmallVector<Part, 1> all;
  for (Part part : summands) {
    if (isPartial(part.sharding))
      part.value = widened(b, part.value);
    auto *alike = llvm::find_if(all, [&](const Part &other) { return other.sharding == part.sharding; });
    if (alike == all.end())
      all.push_back(part);
    else
      alike->value = sumOf(whole.getLoc(), alike->value, part.value);
  }
  parts[whole] = all;
}

OnMeshAxis LocalValues::on(Value whole, unsigned meshAxis) const {
  OnMeshAxis result;
  for (const Part &part : partsOf(whole)) {
    const OnMeshAxis &here = part.sharding[meshAxis];
    if (here.state == OnMeshAxis::Partial || result.state == OnMeshAxis::Whole)
      result = here;
    if (result.state == OnMeshAxis::Partial)
      break;
  }
  return result;
}

Sharding LocalValues::settle(Value whole) {
  ArrayRef<Part> known = partsOf(whole);
  if (known.size() == 1 && !isPartial(known[0].sharding))
    return known[0].sharding;
  Sharding wanted = rules.betweenBlocks(typeOf(whole));
  // What is split already stays so; only what is partial has to become something else.
  for (unsigned m = 0; m < wanted.size(); ++m) {
    OnMeshAxis here = on(whole, m);
    if (here.state == OnMeshAxis::Split)
      wanted[m] = here;
    else if (here.state == OnMeshAxis::Whole)
      wanted[m] = {};
  }
  Value local = get(whole, wanted);
  set(whole, local, wanted);
  return wanted;
}

Part LocalValues::settled(Value whole) {
  settle(whole);
  return partsOf(whole)[0];
}

Value LocalValues::get(Value whole, const Sharding &wanted) {
  NamedTensorType type = typeOf(whole);
  Operation *source = whole.getDefiningOp();
  if (isa_and_nonnull<ConstantOp>(source))
    return b.clone(*source)->getResult(0);
  bool isIndex = isa_and_nonnull<IndexOp>(source); // made anew for each user
  if (!isIndex && partsOf(whole).size() == 1 && partsOf(whole)[0].sharding == wanted)
    return partsOf(whole)[0].value;
  Key key{whole.getAsOpaquePointer(), describe(wanted, rules.mesh)};
  for (auto &scope : llvm::reverse(made))
    if (auto found = scope.find(key); found != scope.end())
      return found->second;
  Value result;
  if (isIndex) {
    result = index(whole.getLoc(), type.getAxes()[0], wanted);
  } else {
    for (const Part &part : partsOf(whole)) {
      Value value = convert(part, type, rules.restrict(wanted, typeOf(part.value))).value;
      result = result ? sumOf(whole.getLoc(), result, value) : value;
    }
    // Summands may lack axes of the sum.
    if (NamedTensorType local = rules.local(type, wanted); typeOf(result).getAxes().size() != local.getAxes().size())
      result = BroadcastOp::create(b, whole.getLoc(), local, result);
  }
  made.back()[key] = result;
  return result;
}

/// First what is partial, then what is split otherwise: gathers from the innermost split outwards, slices inwards.
Part LocalValues::convert(Part part, NamedTensorType whole, const Sharding &wanted) {
  part = reduce(std::move(part), whole, wanted);
  for (unsigned m = wanted.size(); m-- > 0;) {
    const OnMeshAxis &from = part.sharding[m], &to = wanted[m];
    if (from == to || from.state != OnMeshAxis::Split)
      continue;
    bool swap = to.state == OnMeshAxis::Split && hasAxis(part.value, to.axis) &&
                splitters(part.sharding, to.axis).empty() && splitters(part.sharding, from.axis).size() == 1;
    part = swap ? exchange(std::move(part), whole, to.axis, m) : gather(std::move(part), whole, from.axis, m);
  }
  for (unsigned m = 0; m < wanted.size(); ++m)
    if (wanted[m].state == OnMeshAxis::Split && part.sharding[m].state == OnMeshAxis::Whole)
      part = slice(std::move(part), whole, wanted[m].axis, m);
  return part;
}

/// Sums what is partial: scattered where the rank's part is wanted, and for the rest one reduction over all mesh axes.
Part LocalValues::reduce(Part part, NamedTensorType whole, const Sharding &wanted) {
  SmallVector<Attribute> on;
  ReductionKind kind = ReductionKind::sum;
  SmallVector<unsigned> scattered;
  for (unsigned m = 0; m < wanted.size(); ++m) {
    if (part.sharding[m].state != OnMeshAxis::Partial)
      continue;
    const OnMeshAxis &to = wanted[m];
    bool innermost = to.state == OnMeshAxis::Split &&
                     llvm::none_of(splitters(part.sharding, to.axis), [&](unsigned other) { return other > m; });
    if (innermost && part.sharding[m].kind == ReductionKind::sum) {
      scattered.push_back(m);
      continue;
    }
    kind = part.sharding[m].kind;
    on.push_back(rules.names[m]);
    part.sharding[m] = {};
  }
  Location loc = part.value.getLoc();
  // The scatter first: what is summed over the other axes is smaller then.
  for (unsigned m : scattered) {
    Value pieces = splitOff(inOrder(part.value, wanted[m].axis, m, /*toParts=*/true), wanted[m].axis, m);
    ArrayAttr name = b.getArrayAttr({tofu::rankAxis(rules.names[m])});
    Value own = tofu::ReduceScatterOp::create(b, loc, typeOf(pieces).without(name), pieces, rules.names[m]);
    part.value = renamed(b, own, partOf(wanted[m].axis), wanted[m].axis);
    part.sharding[m] = wanted[m];
  }
  if (!on.empty())
    part.value = tofu::AllReduceOp::create(b, loc, part.value.getType(), kind, part.value, b.getArrayAttr(on),
                                           DenseI64ArrayAttr());
  if (whole.getElement() != typeOf(part.value).getElement())
    part.value = CastOp::create(b, loc, part.value, whole.getElement());
  return part;
}

StringAttr LocalValues::paddedOf(StringAttr axis) {
  return StringAttr::get(axis.getContext(), "padded." + axis.getValue());
}

/// `type` with other axes in place of one.
static NamedTensorType replaced(NamedTensorType type, StringAttr axis, ArrayRef<Axis> by) {
  SmallVector<Axis> axes;
  for (const Axis &other : type.getAxes())
    other.name == axis ? axes.append(by.begin(), by.end()) : axes.push_back(other);
  return type.withAxes(axes);
}

/// The axis as its parts on the ranks, under the mesh axis's name, and the place within one.
Value LocalValues::splitOff(Value value, StringAttr axis, unsigned m) {
  int64_t ranks = rules.degrees[m], length = typeOf(value).length(axis), part = llvm::divideCeil(length, ranks);
  StringAttr from = axis;
  if (part * ranks != length) {
    from = paddedOf(axis);
    value = PadOp::create(b, value.getLoc(), replaced(typeOf(value), axis, {{from, part * ranks}}), value, axis,
                          b.getI64IntegerAttr(0), from);
  }
  Axis ofRanks{tofu::rankAxis(rules.names[m]), ranks}, ofPart{partOf(axis), part};
  NamedTensorType type = replaced(typeOf(value), from, {ofPart});
  SmallVector<Axis> axes{ofRanks};
  llvm::append_range(axes, type.getAxes());
  return SplitOp::create(b, value.getLoc(), type.withAxes(axes), value, from,
                         b.getArrayAttr({ofRanks.name, ofPart.name}));
}

/// The opposite.
Value LocalValues::joinUp(Value value, StringAttr axis, unsigned m, int64_t length) {
  StringAttr ranks = tofu::rankAxis(rules.names[m]), part = partOf(axis);
  int64_t all = typeOf(value).length(part) * rules.degrees[m];
  StringAttr to = all == length ? axis : paddedOf(axis);
  NamedTensorType type = replaced(replaced(typeOf(value), ranks, {}), part, {{to, all}});
  value = JoinOp::create(b, value.getLoc(), type, value, b.getArrayAttr({ranks, part}), to);
  if (to != axis)
    value = SliceOp::create(b, value.getLoc(), replaced(type, to, {{axis, length}}), value, to, b.getI64IntegerAttr(0),
                            axis);
  return value;
}

int64_t LocalValues::lengthShared(const Part &part, NamedTensorType whole, StringAttr axis, unsigned m) const {
  Sharding others = part.sharding;
  others[m] = {};
  return rules.local(whole, others).length(axis);
}

void LocalValues::markUnlessImplied(Operation *collective, NamedTensorType whole, StringAttr from, const OnMeshAxis &to,
                                    unsigned m) {
  if (isImplied(rules, whole, from, to, m, user))
    return;
  collective->setAttr(kNotImplied, from);
  if (user)
    collective->setLoc(user->getLoc());
}

Part LocalValues::gather(Part part, NamedTensorType whole, StringAttr axis, unsigned m) {
  Value own = renamed(b, part.value, axis, partOf(axis));
  SmallVector<Axis> axes{{tofu::rankAxis(rules.names[m]), rules.degrees[m]}};
  llvm::append_range(axes, typeOf(own).getAxes());
  Value all = tofu::AllGatherOp::create(b, own.getLoc(), typeOf(own).withAxes(axes), own, rules.names[m]);
  markUnlessImplied(all.getDefiningOp(), whole, axis, {}, m);
  part.value = inOrder(joinUp(all, axis, m, lengthShared(part, whole, axis, m)), axis, m, /*toParts=*/false);
  part.sharding[m] = {};
  return part;
}

Part LocalValues::exchange(Part part, NamedTensorType whole, StringAttr to, unsigned m) {
  StringAttr from = part.sharding[m].axis;
  Value pieces = splitOff(renamed(b, inOrder(part.value, to, m, /*toParts=*/true), from, partOf(from)), to, m);
  pieces = tofu::AllToAllOp::create(b, part.value.getLoc(), pieces.getType(), pieces, rules.names[m]);
  markUnlessImplied(pieces.getDefiningOp(), whole, from, OnMeshAxis::splitAlong(to), m);
  part.value = inOrder(renamed(b, joinUp(pieces, from, m, lengthShared(part, whole, from, m)), partOf(to), to), from, m,
                       /*toParts=*/false);
  part.sharding[m] = OnMeshAxis::splitAlong(to);
  return part;
}

/// The rank's own part of what it has whole: no message.
Part LocalValues::slice(Part part, NamedTensorType whole, StringAttr axis, unsigned m) {
  Location loc = part.value.getLoc();
  int64_t length = llvm::divideCeil(typeOf(part.value).length(axis), rules.degrees[m]);
  Axis piece{axis, length};
  Value place = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {piece}, b.getI64Type()));
  place = indexOfShared(loc, place, axis, m, typeOf(part.value).length(axis));
  SmallVector<Axis> axes;
  for (const Axis &other : typeOf(part.value).getAxes())
    axes.push_back(other.name == axis ? piece : other);
  Value all = renamed(b, part.value, axis, wholeOf(axis));
  part.value = LookupOp::create(b, loc, typeOf(part.value).withAxes(axes), all, b.getArrayAttr({wholeOf(axis)}),
                                ValueRange{place}, FloatAttr());
  part.sharding[m] = OnMeshAxis::splitAlong(axis);
  return part;
}

Value LocalValues::indexOfShared(Location loc, Value index, StringAttr axis, unsigned m, int64_t length) {
  int64_t ranks = rules.degrees[m], part = llvm::divideCeil(length, ranks);
  auto times = [&](Value x, int64_t y) { return MulOp::create(b, loc, x, ConstantOp::create(b, loc, y)).getResult(); };
  if (!rules.isBalanced(axis, m, length)) {
    index = AddOp::create(b, loc, index, times(coordinates[m], part));
    // Behind the end stands the last element once more.
    return part * ranks == length ? index : MinOp::create(b, loc, index, ConstantOp::create(b, loc, length - 1));
  }
  // The second run is number 2n - 1 - r, and is behind the first.
  Value inFirst = CompareOp::create(b, loc, ComparePredicate::lt, index, ConstantOp::create(b, loc, part / 2));
  Value second = SubOp::create(b, loc, ConstantOp::create(b, loc, 2 * ranks - 2), coordinates[m]);
  Value run = SelectOp::create(b, loc, inFirst, coordinates[m], second);
  return AddOp::create(b, loc, index, times(run, part / 2));
}

Value LocalValues::inOrder(Value value, StringAttr axis, unsigned m, bool toParts) {
  int64_t length = typeOf(value).length(axis), ranks = rules.degrees[m], run = length / ranks / 2;
  if (!rules.isBalanced(axis, m, length))
    return value;
  Location loc = value.getLoc();
  auto number = [&](int64_t x) { return ConstantOp::create(b, loc, x).getResult(); };
  Value at = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {{axis, length}}, b.getI64Type()));
  Value to = FloorDivOp::create(b, loc, at, number(run)), place = ModOp::create(b, loc, at, number(run)), from;
  if (toParts) { // run 2r of the parts is run r, and 2r + 1 is 2n - 1 - r
    Value rank = FloorDivOp::create(b, loc, to, number(2)), odd = ModOp::create(b, loc, to, number(2));
    Value isFirst = CompareOp::create(b, loc, ComparePredicate::eq, odd, number(0));
    from = SelectOp::create(b, loc, isFirst, rank, SubOp::create(b, loc, number(2 * ranks - 1), rank));
  } else {
    Value isFirst = CompareOp::create(b, loc, ComparePredicate::lt, to, number(ranks));
    Value twice = MulOp::create(b, loc, to, number(2));
    from = SelectOp::create(b, loc, isFirst, twice, SubOp::create(b, loc, number(4 * ranks - 1), twice));
  }
  Value index = AddOp::create(b, loc, MulOp::create(b, loc, from, number(run)), place);
  return LookupOp::create(b, loc, typeOf(value), renamed(b, value, axis, wholeOf(axis)),
                          b.getArrayAttr({wholeOf(axis)}), ValueRange{index}, FloatAttr());
}

bool LocalValues::isRun(Axis axis, const Sharding &sharding) const {
  if (rules.isPadded(axis, sharding))
    return false;
  for (unsigned m : splitters(sharding, axis.name)) {
    if (rules.isBalanced(axis.name, m, axis.length))
      return false;
    axis.length /= rules.degrees[m];
  }
  return true;
}

Value LocalValues::placeInPart(Location loc, Value index, Axis axis, const Sharding &sharding) {
  if (isRun(axis, sharding)) {
    Value first = origin(loc, axis, sharding);
    return first ? SubOp::create(b, loc, index, first).getResult() : index;
  }
  auto number = [&](int64_t x) { return ConstantOp::create(b, loc, x).getResult(); };
  for (unsigned m : splitters(sharding, axis.name)) {
    int64_t ranks = rules.degrees[m], run = axis.length / ranks / 2;
    Value first = coordinates[m];
    if (rules.isBalanced(axis.name, m, axis.length)) {
      Value second = SubOp::create(b, loc, number(2 * ranks - 1), first);
      Value here = FloorDivOp::create(b, loc, index, number(run));
      auto behind = [&](Value runs) { return SubOp::create(b, loc, index, MulOp::create(b, loc, runs, number(run))); };
      auto is = [&](Value which) { return CompareOp::create(b, loc, ComparePredicate::eq, here, which); };
      Value inSecond = AddOp::create(b, loc, behind(second), number(run));
      Value otherwise = SelectOp::create(b, loc, is(second), inSecond, number(-axis.length));
      index = SelectOp::create(b, loc, is(first), behind(first), otherwise);
    } else {
      index = SubOp::create(b, loc, index, MulOp::create(b, loc, first, number(llvm::divideCeil(axis.length, ranks))));
    }
    axis.length = llvm::divideCeil(axis.length, ranks);
  }
  return index;
}

Value LocalValues::origin(Location loc, Axis axis, const Sharding &sharding) {
  Value part;
  if (!isRun(axis, sharding))
    return part;
  for (unsigned m : splitters(sharding, axis.name)) {
    Value here = coordinates[m];
    if (part)
      here = AddOp::create(b, loc, MulOp::create(b, loc, part, ConstantOp::create(b, loc, rules.degrees[m])), here);
    part = here;
    axis.length /= rules.degrees[m];
  }
  return part ? MulOp::create(b, loc, part, ConstantOp::create(b, loc, axis.length)).getResult() : Value();
}

Value LocalValues::index(Location loc, Axis axis, const Sharding &sharding) {
  Value first = origin(loc, axis, sharding);
  SmallVector<std::pair<unsigned, int64_t>> shared; // mesh axes, and what their ranks share
  for (unsigned m : splitters(sharding, axis.name)) {
    shared.push_back({m, axis.length});
    axis.length = llvm::divideCeil(axis.length, rules.degrees[m]);
  }
  Value place = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {axis}, b.getI64Type()));
  if (!first)
    for (auto [m, length] : llvm::reverse(shared))
      place = indexOfShared(loc, place, axis.name, m, length);
  return first ? AddOp::create(b, loc, place, first).getResult() : place;
}

/// What a reduction leaves as it is, where `real` is false.
static Value orNeutral(OpBuilder &b, Value value, Value real, ReductionKind kind) {
  Location loc = value.getLoc();
  NamedTensorType type = typeOf(value);
  if (type.isBool())
    return kind == ReductionKind::min
               ? OrOp::create(b, loc, value, NotOp::create(b, loc, real.getType(), real)).getResult()
               : AndOp::create(b, loc, value, real).getResult();
  bool low = kind == ReductionKind::max, zero = kind == ReductionKind::sum;
  double infinity = std::numeric_limits<double>::infinity();
  using Int = std::numeric_limits<int64_t>;
  Value neutral = type.isInt() ? ConstantOp::create(b, loc,
                                                    zero  ? int64_t(0)
                                                    : low ? Int::min()
                                                          : Int::max())
                               : ConstantOp::create(b, loc,
                                                    zero  ? 0.0
                                                    : low ? -infinity
                                                          : infinity);
  if (type.isFloat() && !type.getElement().isF32())
    neutral = CastOp::create(b, loc, neutral, type.getElement());
  return SelectOp::create(b, loc, type, real, value, neutral);
}

Value LocalValues::hidePadding(Value part, NamedTensorType whole, const Sharding &sharding, ArrayAttr axes,
                               ReductionKind kind) {
  for (const Axis &axis : whole.getAxes()) {
    if (!contains(axes, axis.name) || !typeOf(part).has(axis.name) || !rules.isPadded(axis, sharding))
      continue;
    Location loc = part.getLoc();
    SmallVector<std::pair<unsigned, int64_t>> shared;
    Axis local = axis;
    for (unsigned m : splitters(sharding, axis.name)) {
      shared.push_back({m, local.length});
      local.length = llvm::divideCeil(local.length, rules.degrees[m]);
    }
    Value place = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {local}, b.getI64Type()));
    for (auto [m, length] : llvm::reverse(shared)) {
      int64_t run = llvm::divideCeil(length, rules.degrees[m]);
      if (run * rules.degrees[m] != length) {
        Value at = AddOp::create(b, loc, place, MulOp::create(b, loc, coordinates[m], ConstantOp::create(b, loc, run)));
        Value real = CompareOp::create(b, loc, ComparePredicate::lt, at, ConstantOp::create(b, loc, length));
        part = orNeutral(b, part, real, kind);
      }
      place = indexOfShared(loc, place, axis.name, m, length);
    }
  }
  return part;
}
