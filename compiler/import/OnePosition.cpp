// Of what generation puts out, one position is read: so no more is computed of what comes after the last attention. A
// lookup of that position takes the output's place, and is pushed up through the ops that treat positions alike.
#include "compiler/import/Import.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace kinu;

namespace {
/// Computes values at one index along an axis, of ops that have been emitted for all of it.
class AtIndex {
public:
  AtIndex(OpBuilder &builder, StringAttr axis, Value index) : builder(builder), axis(axis), index(index) {}

  /// What `whole` is there; a value without the axis is the same everywhere.
  Value operator()(Value whole) {
    if (!typeOf(whole).has(axis))
      return whole;
    if (Value known = done.lookup(whole))
      return known;
    Value made = compute(whole);
    return done[whole] = made;
  }

private:
  Value compute(Value whole) {
    Operation *op = whole.getDefiningOp();
    if (!op)
      return pick(whole);
    if (op->hasTrait<Elementwise>())
      return copy(op);
    return TypeSwitch<Operation *, Value>(op)
        .Case([&](IndexOp) { return index; })
        .Case<DotOp, ReduceOp>([&](Operation *sum) { return copy(sum); })
        .Case([&](BroadcastOp broadcast) -> Value {
          Value operand = (*this)(broadcast.getOperand());
          NamedTensorType type = typeOf(whole).without(axes());
          return operand.getType() == type ? operand
                                           : BroadcastOp::create(builder, op->getLoc(), type, operand).getResult();
        })
        .Case([&](LookupOp lookup) { return looksAlong(lookup) ? pick(whole) : copy(op); })
        .Default([&](Operation *) { return pick(whole); });
  }

  ArrayAttr axes() const { return ArrayAttr::get(axis.getContext(), Attribute(axis)); }
  bool looksAlong(LookupOp lookup) const { return llvm::is_contained(lookup.getAxes(), Attribute(axis)); }

  Value copy(Operation *op) {
    IRMapping map;
    for (Value operand : op->getOperands())
      map.map(operand, (*this)(operand));
    Operation *made = builder.clone(*op, map);
    made->getResult(0).setType(typeOf(made->getResult(0)).without(axes()));
    return made->getResult(0);
  }

  Value pick(Value whole) {
    return LookupOp::create(builder, whole.getLoc(), typeOf(whole).without(axes()), whole, axes(), index, FloatAttr());
  }

  OpBuilder &builder;
  StringAttr axis;
  Value index;
  DenseMap<Value, Value> done;
};
} // namespace

/// The axis of the positions of running text that `value` has scores of pieces for: that of the first input of ids that
/// has one besides `batch`; null if there is none.
static StringAttr positionsOf(ProgramOp program, Value value) {
  NamedTensorType type = typeOf(value);
  if (type.getAxes().size() != 3 || !type.has("batch") || !isa<FloatType>(type.getElement()))
    return {};
  for (InputOp input : program.getOps<InputOp>()) {
    ArrayRef<Axis> axes = typeOf(input).getAxes();
    if (!input.getBelow() || axes.size() != 2 || !typeOf(input).has("batch"))
      continue;
    StringAttr axis = axes[axes[0].name == "batch"].name;
    if (type.has(axis))
      return axis;
  }
  return {};
}

void kinu::import::keepOnePosition(ModuleOp module) {
  auto program = module.lookupSymbol<ProgramOp>("generate");
  if (!program)
    return;
  auto outputs = llvm::to_vector(program.getOps<OutputOp>());
  auto logits =
      llvm::find_if(outputs, [&](OutputOp output) { return positionsOf(program, output.getValue()) != nullptr; });
  if (logits == outputs.end())
    return;
  OpBuilder builder(*logits);
  auto scalar = NamedTensorType::get(module.getContext(), {}, builder.getI64Type());
  Value position = InputOp::create(builder, logits->getLoc(), scalar, "$position", IntegerAttr());
  AtIndex at(builder, positionsOf(program, logits->getValue()), position);
  logits->getValueMutable().assign(at(logits->getValue()));
  logits->setName("$logits");
  for (OutputOp other : outputs)
    if (other != *logits)
      other.erase();
}
