// The walk over a program, and elementwise ops.
#include "compiler/shard/Partition.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

LogicalResult Partition::visit(Block &whole) {
  for (Operation &op : whole)
    if (!isa<YieldOp>(op) && failed(visit(&op)))
      return failure();
  return success();
}

LogicalResult Partition::visit(Operation *op) {
  values.wantedBy(op);
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<ConstantOp, IndexOp>([&](auto source) { // made anew for each user
        values.set(source.getResult(), Value(), rules.whole());
        return success();
      })
      .Case([&](DotOp op) { return dot(op), success(); })
      .Case([&](ReduceOp op) { return reduce(op), success(); })
      .Case([&](LookupOp op) { return lookup(op), success(); })
      .Case([&](ScatterOp op) { return scatter(op), success(); })
      .Case([&](RandomOp op) { return random(op), success(); })
      .Case<RenameOp, SliceOp, PadOp, SplitOp, JoinOp, ConcatOp, CumSumOp, TopOp, BroadcastOp>(
          [&](auto op) { return moveAxes(op), success(); })
      .Case([&](ReadOp op) { return read(op), success(); })
      .Case([&](InputOp op) { return input(op), success(); })
      .Case([&](OutputOp op) { return output(op), success(); })
      .Case([&](WriteOp op) { return write(op); })
      .Case([&](AccumulateOp op) { return accumulate(op); })
      .Case([&](RepeatOp op) { return repeat(op); })
      .Case([&](AttentionOp op) { return attention(op); })
      .Case([&](AttentionBackwardOp op) { return attentionBackward(op); })
      .Case([&](LinearCrossEntropyOp op) { return loss(op); })
      .Case([&](LinearCrossEntropyBackwardOp op) { return loss(op); })
      .Case([&](tofu::AllReduceOp op) { return allReduce(op), success(); })
      .Case([&](tofu::SendOp op) { return send(op), success(); })
      .Case([&](tofu::ReceiveOp op) { return receive(op), success(); })
      .Default([&](Operation *other) -> LogicalResult {
        if (!other->hasTrait<Elementwise>())
          return other->emitOpError("has no sharding rule");
        elementwise(other);
        return success();
      });
}

Operation *Partition::copy(Operation *op, ValueRange operands, const Sharding &sharding) {
  Operation *made = b.clone(*op);
  made->setOperands(operands);
  for (auto [whole, result] : llvm::zip(op->getResults(), made->getResults())) {
    Sharding here = rules.restrict(sharding, typeOf(whole));
    result.setType(rules.local(typeOf(whole), here));
    values.set(whole, result, here);
  }
  return made;
}

/// How an op that works point by point lies: split where the rules or an operand say so. Operands that lack the axis
/// are needed whole, and those that have it, split.
Sharding Partition::joint(ValueRange operands, NamedTensorType result) {
  Sharding wanted = rules.whole(), natural = rules.natural(result), between = rules.betweenBlocks(result);
  for (unsigned m = 0; m < wanted.size(); ++m) {
    bool partial = false;
    for (Value operand : operands) {
      OnMeshAxis here = values.on(operand, m);
      partial |= here.state == OnMeshAxis::Partial;
      if (here.state == OnMeshAxis::Split && result.has(here.axis) &&
          (wanted[m].state == OnMeshAxis::Whole || natural[m] == here))
        wanted[m] = here;
    }
    if (partial && wanted[m].state == OnMeshAxis::Whole)
      wanted[m] = between[m];
  }
  return rules.divides(result, wanted) ? wanted : natural;
}

/// Sums of partial values stay sums, so that each kind is reduced over ranks once. True if `op` is one.
bool Partition::sumOfPartials(Operation *op) {
  if (!isa<AddOp, SubOp, NegOp>(op) || !typeOf(op->getResult(0)).isFloat())
    return false;
  bool partial = llvm::any_of(op->getOperands(), [&](Value operand) {
    return !operand.getDefiningOp<ConstantOp>() && llvm::any_of(values.partsOf(operand), [](const Part &part) {
      return isPartial(part.sharding) && llvm::all_of(part.sharding, [](const OnMeshAxis &on) {
               return on.state != OnMeshAxis::Partial || on.kind == ReductionKind::sum;
             });
    });
  });
  if (!partial)
    return false;
  SmallVector<Part> all;
  for (OpOperand &operand : op->getOpOperands()) {
    bool minus = isa<NegOp>(op) || (isa<SubOp>(op) && operand.getOperandNumber() == 1);
    for (Part part : values.partsOf(operand.get())) {
      if (!part.value) // a constant or an index
        part.value = values.get(operand.get(), part.sharding);
      if (minus)
        part.value = NegOp::create(b, op->getLoc(), part.value.getType(), part.value);
      all.push_back(part);
    }
  }
  values.setSum(op->getResult(0), all);
  return true;
}

/// What is partial is fp32 already: products that are only widened are summed over ranks with what they are added to.
/// True if `op` widens one.
bool Partition::castOfPartials(CastOp op) {
  SmallVector<Part> parts(values.partsOf(op.getOperand()));
  bool partial = llvm::any_of(parts, [](const Part &part) { return isPartial(part.sharding); });
  if (!partial || !op.getType().getElement().isF32())
    return false;
  for (Part &part : parts)
    if (!typeOf(part.value).getElement().isF32())
      part.value = CastOp::create(b, op.getLoc(), part.value, b.getF32Type());
  values.setSum(op, parts);
  return true;
}

void Partition::elementwise(Operation *op) {
  if (sumOfPartials(op))
    return;
  if (auto cast = dyn_cast<CastOp>(op); cast && castOfPartials(cast))
    return;
  // What is computed from indices alone costs as little in parts.
  bool isFree = llvm::all_of(op->getOperands(), [](Value operand) {
    return operand.getDefiningOp<IndexOp>() || operand.getDefiningOp<ConstantOp>();
  });
  NamedTensorType type = typeOf(op->getResult(0));
  Sharding wanted = isFree ? rules.natural(type) : joint(op->getOperands(), type);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(local(operand, wanted));
  copy(op, operands, wanted);
}

/// Numbers are drawn by place in the whole tensor: the rank looks its own up in it, and nothing else is computed.
void Partition::random(RandomOp op) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(local(operand, rules.whole()));
  Operation *made = b.clone(*op);
  made->setOperands(operands);
  Sharding wanted = rules.betweenBlocks(op.getType());
  SmallVector<Attribute> axes;
  SmallVector<Value> places;
  for (const Axis &axis : op.getType().getAxes())
    if (!splitters(wanted, axis.name).empty()) {
      axes.push_back(axis.name);
      places.push_back(values.index(op.getLoc(), axis, wanted));
    }
  Value result = made->getResult(0);
  for (Attribute &axis : axes) { // a part and the whole are axes of two names
    auto name = b.getStringAttr("whole." + cast<StringAttr>(axis).getValue());
    result = RenameOp::create(b, op.getLoc(), result, cast<StringAttr>(axis), name);
    axis = name;
  }
  if (!axes.empty())
    result = LookupOp::create(b, op.getLoc(), rules.local(op.getType(), wanted), result, b.getArrayAttr(axes), places,
                              FloatAttr());
  values.set(op, result, wanted);
}
