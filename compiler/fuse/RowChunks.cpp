// Choosing chunks, and the changes of axes that take them apart and put them together.
#include "compiler/fuse/RowChunks.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;

/// The number of runs to cut `length` into, at least `wanted`: a divisor, unless the next one is more than twice that.
static int64_t partsOf(int64_t length, int64_t wanted) {
  for (int64_t parts = wanted; parts <= std::min(2 * wanted, length); ++parts)
    if (length % parts == 0)
      return parts;
  return llvm::divideCeil(length, llvm::divideCeil(length, wanted));
}

RowChunks RowChunks::choose(ArrayRef<Axis> rows, int64_t most) {
  RowChunks chunks;
  int64_t inside = 1; // rows for one index of the axis at hand
  for (const Axis &axis : rows)
    inside *= axis.length;
  for (const Axis &axis : rows) {
    if (inside <= most)
      break;
    inside /= axis.length;
    if (axis.length == 1)
      continue;
    MLIRContext *context = axis.name.getContext();
    int64_t run = std::clamp<int64_t>(most / inside, 1, axis.length);
    ChunkedAxis cut{axis, partsOf(axis.length, llvm::divideCeil(axis.length, run)), 1, axis.name, {}, {}};
    cut.rows = llvm::divideCeil(axis.length, cut.parts);
    if (!cut.vanishes()) {
      cut.part = StringAttr::get(context, axis.name.getValue() + ".chunk");
      cut.row = StringAttr::get(context, axis.name.getValue() + ".row");
      cut.padded = StringAttr::get(context, axis.name.getValue() + ".padded");
    }
    chunks.count *= cut.parts;
    chunks.axes.push_back(cut);
    if (!cut.vanishes())
      break;
  }
  return chunks;
}

bool RowChunks::cuts(StringRef axis) const {
  return llvm::any_of(axes, [&](const ChunkedAxis &cut) { return cut.axis.name == axis; });
}

StringAttr RowChunks::name() const {
  if (axes.size() == 1)
    return axes.front().part;
  std::string text;
  for (const ChunkedAxis &cut : axes)
    text += cut.axis.name.str() + ".";
  return StringAttr::get(axes.front().axis.name.getContext(), text + "chunk");
}

NamedTensorType RowChunks::typeOfChunk(NamedTensorType whole) const {
  SmallVector<Axis> kept;
  for (const Axis &axis : whole.getAxes()) {
    auto cut = llvm::find_if(axes, [&](const ChunkedAxis &other) { return other.axis.name == axis.name; });
    if (cut == axes.end())
      kept.push_back(axis);
    else if (!cut->vanishes())
      kept.push_back({cut->row, cut->rows});
  }
  return whole.withAxes(kept);
}

/// `type` with the axis `from` replaced, at its place, by `to`.
static NamedTensorType replaceAxis(NamedTensorType type, StringAttr from, ArrayRef<Axis> to) {
  SmallVector<Axis> axes;
  for (const Axis &axis : type.getAxes())
    if (axis.name == from)
      llvm::append_range(axes, to);
    else
      axes.push_back(axis);
  return type.withAxes(axes);
}

Value RowChunks::split(OpBuilder &b, Value whole) const {
  Location loc = whole.getLoc();
  for (const ChunkedAxis &cut : axes) {
    if (!typeOf(whole).has(cut.axis.name) || cut.vanishes())
      continue;
    StringAttr from = cut.axis.name;
    if (cut.paddedLength() != cut.axis.length) {
      NamedTensorType padded = replaceAxis(typeOf(whole), from, {{cut.padded, cut.paddedLength()}});
      whole = PadOp::create(b, loc, padded, whole, from, b.getI64IntegerAttr(0), cut.padded);
      from = cut.padded;
    }
    NamedTensorType split = replaceAxis(typeOf(whole), from, {{cut.part, cut.parts}, {cut.row, cut.rows}});
    whole = SplitOp::create(b, loc, split, whole, from, b.getArrayAttr({cut.part, cut.row}));
  }
  return whole;
}

Value RowChunks::chunk(OpBuilder &b, Value split, Value number) const {
  Location loc = split.getLoc();
  SmallVector<Attribute> names;
  SmallVector<Value> places;
  NamedTensorType type = typeOf(split);
  int64_t below = 1; // chunks for one index of the axis at hand
  for (const ChunkedAxis &cut : llvm::reverse(axes)) {
    if (type.has(cut.part)) {
      Value place = number;
      if (below != 1)
        place = FloorDivOp::create(b, loc, place, ConstantOp::create(b, loc, below));
      if (below * cut.parts != count)
        place = ModOp::create(b, loc, place, ConstantOp::create(b, loc, cut.parts));
      names.push_back(cut.part);
      places.push_back(place);
    }
    below *= cut.parts;
  }
  if (names.empty())
    return split;
  ArrayAttr from = b.getArrayAttr(names);
  return LookupOp::create(b, loc, type.without(from), split, from, places, FloatAttr());
}

Value RowChunks::join(OpBuilder &b, Value stacked, NamedTensorType whole) const {
  Location loc = stacked.getLoc();
  if (axes.size() > 1) {
    SmallVector<Axis> parts;
    SmallVector<Attribute> names;
    for (const ChunkedAxis &cut : axes) {
      parts.push_back({cut.part, cut.parts});
      names.push_back(cut.part);
    }
    NamedTensorType type = replaceAxis(typeOf(stacked), name(), parts);
    stacked = SplitOp::create(b, loc, type, stacked, name(), b.getArrayAttr(names));
  }
  for (const ChunkedAxis &cut : axes) {
    if (cut.vanishes())
      continue;
    bool isPadded = cut.paddedLength() != cut.axis.length;
    StringAttr to = isPadded ? cut.padded : cut.axis.name;
    NamedTensorType type = replaceAxis(typeOf(stacked), cut.part, {{to, cut.paddedLength()}});
    type = replaceAxis(type, cut.row, {});
    stacked = JoinOp::create(b, loc, type, stacked, b.getArrayAttr({cut.part, cut.row}), to);
    if (isPadded) {
      type = replaceAxis(type, to, {cut.axis});
      stacked = SliceOp::create(b, loc, type, stacked, to, b.getI64IntegerAttr(0), cut.axis.name);
    }
  }
  assert(typeOf(stacked).getNumElements() == whole.getNumElements());
  return stacked;
}
