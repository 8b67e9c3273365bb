// Walking up from values, and copying what was found into a region.
#include "compiler/recognise/Match.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::recognise;

std::optional<double> recognise::numberOf(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return number ? std::optional(number.getValueAsDouble()) : std::nullopt;
}

bool recognise::isNumber(Value value, double number) {
  std::optional<double> found = numberOf(value);
  return found && *found == number;
}

Value Match::plain(Value value) {
  while (auto op = value.getDefiningOp<Fp32Op>()) {
    ops.insert(op);
    value = op.getOperand();
  }
  return value;
}

ReduceOp Match::reductionOverOne(Value value, ReductionKind kind) {
  auto reduce = as<ReduceOp>(value);
  return reduce && reduce.getKind() == kind && reduce.getOver().size() == 1 ? reduce : ReduceOp();
}

bool Match::isClosed(Operation *root) const {
  return llvm::all_of(ops, [&](Operation *op) {
    return op == root || llvm::all_of(op->getUsers(), [&](Operation *user) { return ops.contains(user); });
  });
}

void Match::erase() {
  bool erased;
  do {
    erased = false;
    SmallVector<Operation *> dead =
        llvm::filter_to_vector(ops.getArrayRef(), [](Operation *op) { return isOpTriviallyDead(op); });
    for (Operation *op : dead) {
      ops.remove(op);
      op->erase();
      erased = true;
    }
  } while (erased);
}

static Value copyInto(OpBuilder &builder, Value value, IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  assert(op && "a region is defined from its arguments alone");
  for (Value operand : op->getOperands())
    copyInto(builder, operand, mapping);
  builder.clone(*op, mapping);
  return mapping.lookup(value);
}

void recognise::defineRegion(Region &region, ValueRange arguments, Value result) {
  Block &block = region.emplaceBlock();
  IRMapping mapping;
  for (Value argument : arguments)
    mapping.map(argument, block.addArgument(argument.getType(), argument.getLoc()));
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  Value copied = copyInto(builder, result, mapping);
  YieldOp::create(builder, result.getLoc(), ValueRange(copied));
}
