// Reverse mode over straight-line code; repeats are in BackwardRepeat.cpp.
#include "compiler/differentiate/Backward.h"
#include "compiler/differentiate/Rules.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

void Backward::add(Value value, Value gradient) {
  if (!activity.needsGradient(value))
    return;
  auto [entry, fresh] = gradients.try_emplace(value, gradient);
  if (!fresh)
    entry->second = AddOp::create(builder, gradient.getLoc(), typeOf(value), entry->second, gradient);
}

Value Backward::take(Value value) {
  auto *entry = gradients.find(value);
  if (entry == gradients.end())
    return {};
  Value gradient = entry->second;
  gradients.erase(entry);
  return gradient;
}

Value Backward::takeOrZeros(Value value) {
  Value gradient = take(value);
  return gradient ? retype(builder, value.getLoc(), gradient, typeOf(value))
                  : zeros(builder, value.getLoc(), typeOf(value));
}

LogicalResult Backward::run(Block &block) {
  // A repeat is replaced by one that saves more, so the list is taken first.
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    if (failed(operation(op)))
      return failure();
  return success();
}

LogicalResult Backward::operation(Operation *op) {
  if (auto repeatOp = dyn_cast<RepeatOp>(op))
    return repeat(repeatOp);
  if (auto readOp = dyn_cast<ReadOp>(op)) {
    read(readOp);
    return success();
  }
  SmallVector<Value> results;
  for (Value result : op->getResults())
    results.push_back(take(result));
  if (llvm::none_of(results, [](Value gradient) { return gradient != nullptr; }))
    return success();
  auto rule = dyn_cast<DifferentiableOpInterface>(op);
  if (!rule)
    return op->emitOpError("has no derivative, but the loss depends on it");
  return rule.backward(builder, results, [&](Value operand, Value gradient) { add(operand, gradient); });
}

void Backward::read(ReadOp op) {
  if (Value gradient = take(op.getResult()))
    AccumulateOp::create(builder, op.getLoc(), (op.getVariable() + ".gradient").str(), op.getRounds(), gradient);
}

void differentiate::eraseDeadOps(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

LogicalResult differentiate::differentiateRegion(Region &source, Region &target, unsigned position,
                                                 ArrayRef<unsigned> wanted) {
  Block &from = source.front(), &to = target.emplaceBlock();
  Operation *last = from.getTerminator();
  Value result = last->getOperand(0);
  IRMapping mapping;
  for (BlockArgument argument : from.getArguments())
    mapping.map(argument, to.addArgument(argument.getType(), argument.getLoc()));
  Value gradient = to.insertArgument(position, result.getType(), result.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(&to);
  for (Operation &op : from.without_terminator())
    builder.clone(op, mapping);

  SmallVector<Value> arguments;
  for (unsigned i : wanted)
    arguments.push_back(mapping.lookup(from.getArgument(i)));
  Value target0 = mapping.lookup(result);
  Activity activity(to, arguments, target0);
  Backward backward(builder, activity);
  backward.add(target0, gradient);
  if (failed(backward.run(to)))
    return failure();
  SmallVector<Value> yielded;
  for (Value argument : arguments) {
    Value taken = backward.take(argument);
    yielded.push_back(taken ? retype(builder, argument.getLoc(), taken, typeOf(argument))
                            : zeros(builder, argument.getLoc(), typeOf(argument)));
  }
  YieldOp::create(builder, last->getLoc(), yielded);
  eraseDeadOps(to);
  return success();
}
