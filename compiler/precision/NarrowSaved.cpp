// What a forward repeat saves for its backward one, in 16 bits where no more is read.
#include "compiler/precision/Precision.h"

namespace kinu::precision {
#define GEN_PASS_DEF_NARROWSAVED
#include "compiler/precision/Passes.h.inc"
} // namespace kinu::precision

using namespace mlir;
using namespace kinu;

static bool is16Bit(Value value) { return typeOf(value).getElement().getIntOrFloatBitWidth() == 16; }

/// The arguments of repeats to which a saved value is handed; none if it is used otherwise too.
static SmallVector<BlockArgument> readersOf(Value saved) {
  SmallVector<BlockArgument> arguments;
  for (OpOperand &use : saved.getUses()) {
    auto repeat = dyn_cast<RepeatOp>(use.getOwner());
    unsigned carried = repeat ? repeat.getCarried().size() : 0;
    if (!repeat || use.getOperandNumber() < carried)
      return {};
    arguments.push_back(repeat.getStackedArguments()[use.getOperandNumber() - carried]);
  }
  return arguments;
}

/// The 16-bit number that `value` is in f32, under the value's own name; null if it is not one.
static Value exactly(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto cast = value.getDefiningOp<CastOp>())
    return is16Bit(cast.getOperand()) ? cast.getOperand() : Value();
  if (!op || !isa<RenameOp, SplitOp, JoinOp>(op))
    return {};
  Value inner = exactly(op->getOperand(0));
  if (!inner)
    return {};
  OpBuilder b(op);
  Operation *again = b.clone(*op);
  again->setOperand(0, inner);
  again->getResult(0).setType(typeOf(value).withElement(typeOf(inner).getElement()));
  return again->getResult(0);
}

/// The 16-bit type in which every reader reads, if there is one.
static Type formatOf(ArrayRef<BlockArgument> readers) {
  Type format;
  for (BlockArgument reader : readers)
    for (Operation *user : reader.getUsers()) {
      auto cast = dyn_cast<CastOp>(user);
      if (!cast || !is16Bit(cast) || (format && format != cast.getType().getElement()))
        return {};
      format = cast.getType().getElement();
    }
  return format;
}

/// Gives a reader the 16-bit value; who wants f32 gets it by a cast.
static void retype(BlockArgument reader, Type element) {
  NamedTensorType wide = typeOf(reader);
  Value(reader).setType(wide.withElement(element));
  OpBuilder b = OpBuilder::atBlockBegin(reader.getOwner());
  Value widened;
  for (OpOperand &use : llvm::make_early_inc_range(reader.getUses())) {
    if (auto cast = dyn_cast<CastOp>(use.getOwner()); cast && is16Bit(cast)) {
      cast.replaceAllUsesWith(Value(reader));
      cast.erase();
      continue;
    }
    if (!widened)
      widened = CastOp::create(b, reader.getLoc(), wide, reader);
    if (use.getOwner() != widened.getDefiningOp())
      use.set(widened);
  }
}

/// Saves a 16-bit value where that is all that is read. Returns whether it did.
static bool narrowSaved(RepeatOp repeat, unsigned number) {
  Value saved = repeat->getResult(number), value = repeat.getYield().getOperand(number);
  SmallVector<BlockArgument> readers = readersOf(saved);
  if (readers.empty() || !typeOf(saved).isFloat() || is16Bit(saved))
    return false;
  Value narrow = exactly(value);
  Type format = narrow ? typeOf(narrow).getElement() : formatOf(readers);
  if (!format)
    return false;
  OpBuilder b(repeat.getYield());
  if (!narrow) {
    b.setInsertionPointAfterValue(value);
    narrow = CastOp::create(b, value.getLoc(), value, format);
  }
  repeat.getYield()->setOperand(number, narrow);
  saved.setType(typeOf(saved).withElement(format));
  for (BlockArgument reader : readers)
    retype(reader, format);
  return true;
}

namespace {
struct NarrowSaved : precision::impl::NarrowSavedBase<NarrowSaved> {
  void runOnOperation() override {
    getOperation()->walk([&](RepeatOp repeat) {
      unsigned first = repeat.getResults().size() + repeat.getSums().size();
      for (unsigned number = first; number < repeat->getNumResults(); ++number)
        narrowed += narrowSaved(repeat, number);
    });
  }
};
} // namespace
