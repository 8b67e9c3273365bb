// Axes that ranks cannot share out evenly become longer.
//
// Behind the end of such an axis anything may stand, NaN too: what joins elements along it must not see them, and what
// leaves a program is cut to its real length. Only weights, and their 16-bit copies, hold zeros there, from the start
// and after every update: products read them from memory, where nothing can be put before them.
#include "compiler/shard/Padding.h"
#include "compiler/shard/Shard.h"
#include "dialects/kinu/Composites.h"
#include "dialects/tofu/Tofu.h"

#include "mlir/Pass/Pass.h"

#include <limits>

namespace kinu::shard {
#define GEN_PASS_DEF_PADAXES
#include "compiler/shard/Passes.h.inc"
} // namespace kinu::shard

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

static StringAttr realName(StringAttr axis) { return StringAttr::get(axis.getContext(), "real." + axis.getValue()); }

/// Whether its padding holds zeros.
static bool isZeroPadded(VariableOp variable) {
  return llvm::is_contained({"weight", "bias", "gain", "copy"}, variable.getRole());
}

static void retype(ModuleOp module, const Padding &padding) {
  for (VariableOp variable : module.getOps<VariableOp>()) {
    auto real = cast<NamedTensorType>(variable.getType()), padded = padding.padded(real);
    if (real == padded)
      continue;
    NamedAttrList lengths;
    for (const Axis &axis : padding.paddedAxes(padded))
      lengths.set(axis.name, Builder(module.getContext()).getI64IntegerAttr(real.length(axis.name)));
    variable->setAttr("kinu.real", lengths.getDictionary(module.getContext()));
    variable.setType(padded);
  }
  auto retypeAll = [&](ValueRange values) {
    for (Value value : values)
      value.setType(padding.padded(typeOf(value)));
  };
  module.walk([&](Operation *op) {
    if (!isa<RandomOp>(op)) // numbers are counted by the real axes
      retypeAll(op->getResults());
    for (Region &region : op->getRegions())
      for (Block &block : region)
        retypeAll(block.getArguments());
  });
}

namespace {
/// Puts neutral elements behind the ends of padded axes.
class Masks {
public:
  Masks(ModuleOp module, const Padding &padding) : module(module), padding(padding), b(module.getContext()) {}

  void lookUp(RandomOp op);
  void poison(Operation *op);
  void hideFrom(Operation *op);

private:
  /// What to read instead of a value, and the op that reads the value itself.
  struct Filled {
    Value value;
    Operation *reader = nullptr;
  };
  Filled filled(Value value, double neutral);
  bool isZeroPadded(Value value);
  void zeroPad(OpOperand &operand);
  void keepOut(LookupOp op);
  void cut(OutputOp op);
  Value isBelow(Location loc, Value index, StringAttr axis);

  ModuleOp module;
  const Padding &padding;
  OpBuilder b;
  llvm::DenseSet<Value> zeroPadded; ///< values made here
};
} // namespace

Value Masks::isBelow(Location loc, Value index, StringAttr axis) {
  return CompareOp::create(b, loc, ComparePredicate::lt, index, ConstantOp::create(b, loc, padding.realLength(axis)));
}

/// A float with `neutral` as its padding, or an int with the int that is nearest to that.
Masks::Filled Masks::filled(Value value, double neutral) {
  Location loc = value.getLoc();
  NamedTensorType type = typeOf(value);
  Value nothing;
  if (type.isInt())
    nothing = ConstantOp::create(b, loc,
                                 neutral == 0  ? int64_t(0)
                                 : neutral < 0 ? std::numeric_limits<int64_t>::min()
                                               : std::numeric_limits<int64_t>::max());
  else
    nothing = ConstantOp::create(b, loc, neutral);
  if (type.isFloat() && !type.getElement().isF32())
    nothing = CastOp::create(b, loc, nothing, type.getElement());
  Filled result{value, nullptr};
  for (const Axis &axis : padding.paddedAxes(type)) {
    Value index = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {axis}, b.getI64Type()));
    result.value = SelectOp::create(b, loc, type, isBelow(loc, index, axis.name), result.value, nothing);
    result.reader = result.reader ? result.reader : result.value.getDefiningOp();
  }
  return result;
}

bool Masks::isZeroPadded(Value value) {
  if (zeroPadded.contains(value) || padding.paddedAxes(typeOf(value)).empty())
    return true;
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<RenameOp, CastOp>(op))
    return isZeroPadded(op->getOperand(0));
  auto read = dyn_cast_or_null<ReadOp>(op);
  return read && ::isZeroPadded(module.lookupSymbol<VariableOp>(read.getVariable()));
}

/// Zeros behind the ends of what an op reads. All that use the value get them, so that it is in memory once; before it
/// is rounded, as arithmetic is on f32.
void Masks::zeroPad(OpOperand &operand) {
  Value value = operand.get();
  if (isZeroPadded(value))
    return;
  if (auto cast = value.getDefiningOp<CastOp>(); cast && typeOf(cast.getOperand()).getElement().isF32())
    return zeroPad(cast->getOpOperand(0));
  b.setInsertionPointAfterValue(value);
  auto [zeros, reader] = filled(value, 0);
  value.replaceAllUsesExcept(zeros, reader);
  zeroPadded.insert(zeros);
}

void Masks::hideFrom(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op); reduce && padding.has(reduce.getOver())) {
    double infinity = std::numeric_limits<double>::infinity();
    ReductionKind kind = reduce.getKind();
    b.setInsertionPoint(op);
    op->setOperand(0, filled(reduce.getOperand(), kind == ReductionKind::sum   ? 0
                                                  : kind == ReductionKind::max ? -infinity
                                                                               : infinity)
                          .value);
  } else if (auto dot = dyn_cast<DotOp>(op); dot && padding.has(dot.getOver())) {
    zeroPad(op->getOpOperand(0)); // both: nothing times zero need not be zero
    zeroPad(op->getOpOperand(1));
  } else if (auto write = dyn_cast<WriteOp>(op)) {
    if (::isZeroPadded(module.lookupSymbol<VariableOp>(write.getVariable())))
      zeroPad(op->getOpOperand(op->getNumOperands() - 1));
  } else if (auto lookup = dyn_cast<LookupOp>(op)) {
    keepOut(lookup);
  } else if (auto output = dyn_cast<OutputOp>(op)) {
    cut(output);
  }
}

/// Indices that are out of range stay so.
void Masks::keepOut(LookupOp op) {
  if (!op.getOtherwise())
    return;
  b.setInsertionPoint(op);
  SmallVector<Axis> padded = padding.paddedAxes(typeOf(op.getSource()));
  for (auto [i, name] : llvm::enumerate(op.getAxes().getAsRange<StringAttr>())) {
    if (llvm::none_of(padded, [name = name](const Axis &axis) { return axis.name == name; }))
      continue;
    Value index = op.getIndices()[i], outside = ConstantOp::create(b, op.getLoc(), int64_t(-1));
    Value kept = SelectOp::create(b, op.getLoc(), index.getType(), isBelow(op.getLoc(), index, name), index, outside);
    op.getIndicesMutable()[i].set(kept);
  }
}

/// The real part, whose axis has another name, since it has another length.
void Masks::cut(OutputOp op) {
  b.setInsertionPoint(op);
  Value value = op.getValue();
  for (const Axis &axis : padding.paddedAxes(typeOf(value))) {
    Axis real{realName(axis.name), padding.realLength(axis.name)};
    SmallVector<Axis> axes(typeOf(value).getAxes());
    axes[typeOf(value).find(axis.name)] = real;
    value = SliceOp::create(b, op.getLoc(), typeOf(value).withAxes(axes), value, axis.name, int64_t(0), real.name);
  }
  op->setOperand(0, value);
}

/// Random numbers of the real tensor, looked up where there are any.
void Masks::lookUp(RandomOp op) {
  NamedTensorType padded = padding.padded(op.getType());
  if (padded == op.getType())
    return;
  b.setInsertionPointAfter(op);
  Value numbers = op;
  Operation *reader = nullptr;
  SmallVector<Attribute> names;
  SmallVector<Value> indices;
  for (const Axis &axis : padding.paddedAxes(padded)) {
    names.push_back(realName(axis.name));
    numbers = RenameOp::create(b, op.getLoc(), numbers, axis.name, realName(axis.name));
    reader = reader ? reader : numbers.getDefiningOp();
    auto type = NamedTensorType::get(b.getContext(), {axis}, b.getI64Type());
    indices.push_back(IndexOp::create(b, op.getLoc(), type));
  }
  Value found = LookupOp::create(b, op.getLoc(), padded, numbers, b.getArrayAttr(names), indices, b.getF64FloatAttr(0));
  op.getResult().replaceAllUsesExcept(found, reader);
}

/// For tests: NaN behind the ends of what an op leaves.
void Masks::poison(Operation *op) {
  if (op->getParentOfType<AttentionOp>() || op->getParentOfType<AttentionBackwardOp>())
    return;
  for (Value value : op->getResults()) {
    if (!typeOf(value).isFloat() || isZeroPadded(value))
      continue;
    b.setInsertionPointAfterValue(value);
    auto [bad, reader] = filled(value, std::numeric_limits<double>::quiet_NaN());
    value.replaceAllUsesExcept(bad, reader);
  }
}

namespace {
struct PadAxes : shard::impl::PadAxesBase<PadAxes> {
  using PadAxesBase::PadAxesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Padding padding(module);
    if (padding.empty())
      return;
    // Attention's heads are apart from one another; other composites join what they are over. A loss may have nothing to
    // do with what is padded.
    expandComposites(module, [&](Operation *op) {
      bool isLoss = isa<LinearCrossEntropyOp, LinearCrossEntropyBackwardOp>(op);
      return !isa<AttentionOp, AttentionBackwardOp>(op) && (!isLoss || padding.touches(op));
    });
    retype(module, padding);
    Masks masks(module, padding);
    SmallVector<Operation *> ops;
    module.walk([&](ProgramOp program) { program.walk([&](Operation *op) { ops.push_back(op); }); });
    for (Operation *op : ops)
      if (auto random = dyn_cast<RandomOp>(op))
        masks.lookUp(random);
    if (poison)
      llvm::for_each(ops, [&](Operation *op) { masks.poison(op); });
    llvm::for_each(ops, [&](Operation *op) { masks.hideFrom(op); });
  }
};
} // namespace
