// The derivative of a repeat is a repeat that runs the other way: it carries the gradients of the carried values, sums
// the gradients of values from outside, and is given what the forward rounds saved.
#include "compiler/differentiate/Backward.h"
#include "compiler/differentiate/Recall.h"
#include "compiler/differentiate/Rules.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

/// The same repeat, which also saves `values` of its body; returns the saved results.
static ResultRange saveMore(RepeatOp &repeat, ArrayRef<Value> values) {
  SmallVector<Type> saved(repeat.getSaved().getTypes());
  for (Value value : values)
    saved.push_back(repeat.getStackedType(typeOf(value)));
  OpBuilder builder(repeat);
  auto wider = RepeatOp::create(builder, repeat.getLoc(), repeat.getResults().getTypes(), repeat.getSums().getTypes(),
                                saved, repeat.getAxis(), repeat.getCount(), repeat.getReverse(), repeat.getCarried(),
                                repeat.getStacked());
  wider.getBody().takeBody(repeat.getBody());
  wider.getYield()->insertOperands(wider.getYield().getNumOperands(), values);
  repeat->replaceAllUsesWith(wider->getResults().take_front(repeat->getNumResults()));
  repeat.erase();
  repeat = wider;
  return wider->getResults().take_back(values.size());
}

namespace {
/// A backward repeat in the making: what it takes and gives besides the gradients it carries.
struct Parts {
  Region region;
  Block *body = &region.emplaceBlock();
  SmallVector<unsigned> carried; ///< positions among the forward repeat's carried values
  SmallVector<Value> inits, stacked;
  SmallVector<Value> outside;         ///< values from outside whose gradient is summed
  SmallVector<Value> stackedOperands; ///< the forward repeat's, whose gradient is saved
};
} // namespace

LogicalResult Backward::repeat(RepeatOp op) {
  Location loc = op.getLoc();
  Parts parts;
  unsigned numCarried = op.getCarried().size(), numSums = op.getSums().size();
  parts.body->addArgument(op.getRound().getType(), loc);
  bool any = false;
  for (unsigned i = 0; i < numCarried; ++i) {
    Value result = op.getResults()[i], argument = op.getCarriedArguments()[i];
    if (!activity.needsGradient(result) && !activity.needsGradient(argument))
      continue;
    any |= gradients.contains(result);
    parts.carried.push_back(i);
    parts.inits.push_back(takeOrZeros(result));
    parts.body->addArgument(result.getType(), loc);
  }
  ValueRange yielded = op.getYield().getValues();
  OpBuilder inner(builder.getContext());
  inner.setInsertionPointToEnd(parts.body);
  Backward body(inner, activity);
  for (auto [k, i] : llvm::enumerate(parts.carried))
    body.add(yielded[i], parts.body->getArgument(1 + k));
  for (auto [i, sum] : llvm::enumerate(op.getSums()))
    if (Value gradient = take(sum)) {
      any = true;
      body.add(yielded[numCarried + i], gradient);
    }
  for (auto [i, saved] : llvm::enumerate(op.getSaved()))
    if (Value gradient = take(saved)) {
      any = true;
      parts.stacked.push_back(retype(builder, loc, gradient, typeOf(saved)));
      Value slice = yielded[numCarried + numSums + i];
      body.add(slice, parts.body->addArgument(slice.getType(), loc));
    }
  if (!any)
    return success();
  if (failed(body.run(op.getBody().front())))
    return failure();

  // What the rounds hand on: gradients of carried values, of values from outside, of stacked slices.
  SmallVector<Value> next, sums, slices;
  SmallVector<Type> sumTypes, sliceTypes;
  for (unsigned i : parts.carried)
    next.push_back(body.takeOrZeros(op.getCarriedArguments()[i]));
  for (auto [argument, operand] : llvm::zip(op.getStackedArguments(), op.getStacked()))
    if (activity.needsGradient(argument)) {
      slices.push_back(body.takeOrZeros(argument));
      parts.stackedOperands.push_back(operand);
      sliceTypes.push_back(operand.getType());
    }
  for (auto [value, gradient] : body.gradients) {
    parts.outside.push_back(value);
    sums.push_back(gradient);
    sumTypes.push_back(gradient.getType());
  }
  next.append(sums);
  next.append(slices);
  YieldOp::create(inner, loc, next);
  eraseDeadOps(*parts.body);

  Recall recall(op, *parts.body);
  recall.rewrite();
  ResultRange saved = saveMore(op, recall.getSaved());
  parts.stacked.append(saved.begin(), saved.end());
  auto backward = RepeatOp::create(builder, loc, ValueRange(parts.inits).getTypes(), sumTypes, sliceTypes, op.getAxis(),
                                   op.getCount(), !op.getReverse(), parts.inits, parts.stacked);
  backward.getBody().takeBody(parts.region);
  for (auto [k, i] : llvm::enumerate(parts.carried))
    add(op.getCarried()[i], backward.getResults()[k]);
  for (auto [value, sum] : llvm::zip(parts.outside, backward.getSums()))
    add(value, sum);
  for (auto [operand, gradient] : llvm::zip(parts.stackedOperands, backward.getSaved()))
    add(operand, gradient);
  return success();
}
