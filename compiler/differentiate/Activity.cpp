// Activity analysis (Griewank and Walther, Evaluating Derivatives, section 6.2): one forward and one backward
// reachability over floats, each until nothing changes, because a repeat hands its carried values on to itself.
#include "compiler/differentiate/Activity.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

bool Activity::mark(DenseSet<Value> &set, Value value) { return typeOf(value).isFloat() && set.insert(value).second; }

Activity::Activity(Block &block, ValueRange sources, ValueRange targets) {
  for (Value source : sources)
    mark(varied, source);
  for (Value target : targets)
    mark(useful, target);
  auto repeatUntilStable = [&](DenseSet<Value> &set, auto step) {
    size_t before;
    do {
      before = set.size();
      step();
    } while (set.size() != before);
  };
  repeatUntilStable(varied, [&] { markVaried(block); });
  repeatUntilStable(useful, [&] { markUseful(block); });
}

void Activity::markVaried(Block &block) {
  auto flow = [&](Value from, Value to) {
    if (varied.contains(from))
      mark(varied, to);
  };
  for (Operation &op : block) {
    if (auto repeat = dyn_cast<RepeatOp>(op)) {
      for (auto [init, argument] : llvm::zip(repeat.getCarried(), repeat.getCarriedArguments()))
        flow(init, argument);
      for (auto [stacked, argument] : llvm::zip(repeat.getStacked(), repeat.getStackedArguments()))
        flow(stacked, argument);
      markVaried(repeat.getBody().front());
      for (auto [yielded, argument] : llvm::zip(repeat.getYield().getValues(), repeat.getCarriedArguments()))
        flow(yielded, argument);
      for (auto [yielded, result] : llvm::zip(repeat.getYield().getValues(), repeat->getResults()))
        flow(yielded, result);
      continue;
    }
    for (Value operand : op.getOperands())
      for (Value result : op.getResults())
        flow(operand, result);
  }
}

void Activity::markUseful(Block &block) {
  auto flow = [&](Value from, Value to) {
    if (useful.contains(from))
      mark(useful, to);
  };
  for (Operation &op : llvm::reverse(block)) {
    if (auto repeat = dyn_cast<RepeatOp>(op)) {
      for (auto [result, yielded] : llvm::zip(repeat->getResults(), repeat.getYield().getValues()))
        flow(result, yielded);
      for (auto [argument, yielded] : llvm::zip(repeat.getCarriedArguments(), repeat.getYield().getValues()))
        flow(argument, yielded);
      markUseful(repeat.getBody().front());
      for (auto [argument, init] : llvm::zip(repeat.getCarriedArguments(), repeat.getCarried()))
        flow(argument, init);
      for (auto [result, init] : llvm::zip(repeat.getResults(), repeat.getCarried()))
        flow(result, init);
      for (auto [argument, stacked] : llvm::zip(repeat.getStackedArguments(), repeat.getStacked()))
        flow(argument, stacked);
      continue;
    }
    for (Value result : op.getResults())
      for (Value operand : op.getOperands())
        flow(result, operand);
  }
}
