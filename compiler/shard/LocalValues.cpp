// Getting a value to lie as its user wants it: the collectives, and the slices that need none.
#include "compiler/shard/LocalValues.h"

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

void LocalValues::setSum(Value whole, ArrayRef<Part> summands) {
  SmallVector<Part, 1> all;
  for (const Part &part : summands) {
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
    part = swap ? exchange(std::move(part), to.axis, m) : gather(std::move(part), from.axis, m);
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
    Value pieces = splitOff(part.value, wanted[m].axis, m);
    ArrayAttr name = b.getArrayAttr({tofu::rankAxis(rules.names[m])});
    Value own = tofu::ReduceScatterOp::create(b, loc, typeOf(pieces).without(name), pieces, rules.names[m]);
    part.value = renamed(b, own, partOf(wanted[m].axis), wanted[m].axis);
    part.sharding[m] = wanted[m];
  }
  if (!on.empty())
    part.value = tofu::AllReduceOp::create(b, loc, part.value.getType(), kind, part.value, b.getArrayAttr(on),
                                           DenseI64ArrayAttr());
  return part;
}

/// The axis as its parts on the ranks, under the mesh axis's name, and the place within one.
Value LocalValues::splitOff(Value value, StringAttr axis, unsigned m) {
  SmallVector<Axis> axes{{tofu::rankAxis(rules.names[m]), rules.degrees[m]}};
  for (const Axis &other : typeOf(value).getAxes())
    axes.push_back(other.name == axis ? Axis{partOf(axis), other.length / rules.degrees[m]} : other);
  return SplitOp::create(b, value.getLoc(), typeOf(value).withAxes(axes), value, axis,
                         b.getArrayAttr({tofu::rankAxis(rules.names[m]), partOf(axis)}));
}

/// The opposite.
Value LocalValues::joinUp(Value value, StringAttr axis, unsigned m) {
  SmallVector<Axis> axes;
  for (const Axis &other : typeOf(value).getAxes())
    if (other.name != tofu::rankAxis(rules.names[m]))
      axes.push_back(other.name == partOf(axis) ? Axis{axis, other.length * rules.degrees[m]} : other);
  return JoinOp::create(b, value.getLoc(), typeOf(value).withAxes(axes), value,
                        b.getArrayAttr({tofu::rankAxis(rules.names[m]), partOf(axis)}), axis);
}

Part LocalValues::gather(Part part, StringAttr axis, unsigned m) {
  Value own = renamed(b, part.value, axis, partOf(axis));
  SmallVector<Axis> axes{{tofu::rankAxis(rules.names[m]), rules.degrees[m]}};
  llvm::append_range(axes, typeOf(own).getAxes());
  Value all = tofu::AllGatherOp::create(b, own.getLoc(), typeOf(own).withAxes(axes), own, rules.names[m]);
  part.value = joinUp(all, axis, m);
  part.sharding[m] = {};
  return part;
}

Part LocalValues::exchange(Part part, StringAttr to, unsigned m) {
  StringAttr from = part.sharding[m].axis;
  Value pieces = splitOff(renamed(b, part.value, from, partOf(from)), to, m);
  pieces = tofu::AllToAllOp::create(b, part.value.getLoc(), pieces.getType(), pieces, rules.names[m]);
  part.value = renamed(b, joinUp(pieces, from, m), partOf(to), to);
  part.sharding[m] = OnMeshAxis::splitAlong(to);
  return part;
}

/// The rank's own part of what it has whole: no message.
Part LocalValues::slice(Part part, NamedTensorType whole, StringAttr axis, unsigned m) {
  Location loc = part.value.getLoc();
  int64_t length = typeOf(part.value).length(axis) / rules.degrees[m];
  Axis piece{axis, length};
  Value place = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {piece}, b.getI64Type()));
  Value first = MulOp::create(b, loc, coordinates[m], ConstantOp::create(b, loc, length));
  SmallVector<Axis> axes;
  for (const Axis &other : typeOf(part.value).getAxes())
    axes.push_back(other.name == axis ? piece : other);
  Value all = renamed(b, part.value, axis, wholeOf(axis));
  part.value = LookupOp::create(b, loc, typeOf(part.value).withAxes(axes), all, b.getArrayAttr({wholeOf(axis)}),
                                ValueRange{AddOp::create(b, loc, place, first)}, FloatAttr());
  part.sharding[m] = OnMeshAxis::splitAlong(axis);
  return part;
}

Value LocalValues::origin(Location loc, Axis axis, const Sharding &sharding) {
  Value part;
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
  for (unsigned m : splitters(sharding, axis.name))
    axis.length /= rules.degrees[m];
  Value place = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {axis}, b.getI64Type()));
  return first ? AddOp::create(b, loc, place, first).getResult() : place;
}
