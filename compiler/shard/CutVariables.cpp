// See CutVariables.h.
#include "compiler/shard/CutVariables.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

static bool alike(const VariableStages::Place *x, const VariableStages::Place *y) {
  return x == y || (x && y && x->split == y->split && x->stages == y->stages);
}

LogicalResult VariableCutter::run() {
  Block *old = &program.getBody().front();
  auto *block = new Block();
  program.getBody().push_back(block);
  b.setInsertionPointToEnd(block);
  for (Operation &op : *old)
    if (failed(visit(&op)))
      return failure();
  old->dropAllReferences();
  old->erase();
  return success();
}

LogicalResult VariableCutter::visit(Operation *op) {
  if (isa<RepeatOp>(op))
    return op->emitError("stands in a program that is cut by variables");
  if (auto readOp = dyn_cast<ReadOp>(op)) {
    read(readOp);
    return success();
  }
  if (auto write = dyn_cast<WriteOp>(op)) {
    auto variable = program->getParentOfType<ModuleOp>().lookupSymbol<VariableOp>(write.getVariable());
    if (stages.of(variable).has(plan.stage))
      WriteOp::create(b, op->getLoc(), write.getVariable(), ValueRange(), whole(write.getValue()));
    return success();
  }
  if (addsOverStages(op)) {
    sum(cast<AddOp>(op));
    return success();
  }
  const Place *of = nullptr;
  for (Value operand : op->getOperands()) {
    const Here &here = known[operand];
    if (here.isSum || !here.of)
      continue;
    if (of && !alike(of, here.of))
      return op->emitError("joins variables of different stages");
    of = here.of;
  }
  bool present = !of || of->has(plan.stage);
  // A reduction to one number joins the others of its kind.
  bool reduces = isa<ReduceOp>(op) && of && typeOf(op->getResult(0)).getAxes().empty();
  if (reduces && !of->split)
    present = of->stages.front() == plan.stage;
  Operation *made = present ? copy(op, of) : nullptr;
  for (OpResult result : op->getResults())
    known[result] = {made ? made->getResult(result.getResultNumber()) : Value(), reduces ? nullptr : of, reduces};
  return success();
}

Operation *VariableCutter::copy(Operation *op, const Place *of) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(whole(operand));
  IRMapping mapping;
  mapping.map(op->getOperands(), operands);
  Operation *made = b.clone(*op, mapping);
  if (of && of->split)
    for (Value result : made->getResults())
      result.setType(plan.local(typeOf(result)));
  return made;
}

void VariableCutter::read(ReadOp op) {
  auto variable = program->getParentOfType<ModuleOp>().lookupSymbol<VariableOp>(op.getVariable());
  const Place &place = stages.of(variable);
  Here &here = known[op.getResult()];
  here.of = &place;
  if (!place.has(plan.stage))
    return;
  if (Value summed = gradients.lookup(op.getVariable())) {
    here.value = summed;
    return;
  }
  here.value = copy(op, &place)->getResult(0);
  if (variable.getRole() != "gradient" || place.split || place.stages.size() == 1)
    return;
  bool all = static_cast<int64_t>(place.stages.size()) == plan.count();
  here.value = sumOverStages(b, here.value, plan, all ? DenseI64ArrayAttr() : b.getDenseI64ArrayAttr(place.stages));
  gradients[op.getVariable()] = here.value;
}

bool VariableCutter::addsOverStages(Operation *op) {
  return isa<AddOp>(op) && llvm::any_of(op->getOperands(), [&](Value operand) { return known[operand].isSum; });
}

/// What every stage has is added once, by the first.
void VariableCutter::sum(AddOp op) {
  Value total;
  for (Value operand : op->getOperands()) {
    const Here &here = known[operand];
    if (!here.value || (!here.isSum && !plan.isFirst()))
      continue;
    total = total ? AddOp::create(b, op.getLoc(), total, here.value).getResult() : here.value;
  }
  known[op.getResult()] = {total, nullptr, true};
}

Value VariableCutter::whole(Value value) {
  Here &here = known[value];
  if (here.isSum) {
    Value own = here.value ? here.value : ConstantOp::create(b, value.getLoc(), 0.0).getResult();
    here = {sumOverStages(b, own, plan), nullptr, false};
  }
  return here.value;
}
