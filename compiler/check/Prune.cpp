// Removes what no output, loss, aux or metric needs: parameters never used, folded constants, values carried in vain.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

using kinu::typed::Kind;
using kinu::typed::RepeatLoop;
using kinu::typed::Value;

namespace kinu::check {

namespace {
/// Marks what is needed, from the results backwards.
struct Marking {
  llvm::DenseSet<Value *> live;
  llvm::DenseMap<Value *, Value *> loopOf; ///< region argument to its Repeat
  std::vector<Value *> work;

  void need(Value *value) {
    if (value && live.insert(value).second)
      work.push_back(value);
  }

  void findLoops(const typed::Region &region) {
    for (Value *value : region.values)
      if (value->repeat) {
        for (const RepeatLoop::CarriedValue &carried : value->repeat->carried)
          loopOf[carried.argument] = value;
        findLoops(value->repeat->body);
      }
  }

  void needCarried(Value *loop, int64_t index) {
    need(loop);
    const RepeatLoop::CarriedValue &carried = loop->repeat->carried[index];
    need(carried.initial);
    need(carried.argument);
    need(carried.next);
  }

  void run() {
    while (!work.empty()) {
      Value *value = work.back();
      work.pop_back();
      if (value->kind == Kind::RepeatResult)
        needCarried(value->operands[0], value->integer);
      else if (value->kind == Kind::Carried)
        needCarried(loopOf[value], value->integer);
      else
        for (Value *operand : value->operands)
          need(operand);
    }
  }
};
} // namespace

static void removeDead(typed::Region &region, const llvm::DenseSet<Value *> &live) {
  std::erase_if(region.values, [&](Value *value) { return !live.contains(value); });
  for (Value *value : region.values) {
    if (!value->repeat)
      continue;
    removeDead(value->repeat->body, live);
    std::erase_if(value->repeat->carried,
                  [&](const RepeatLoop::CarriedValue &carried) { return !live.contains(carried.argument); });
  }
}

/// The indices of carried values after some are gone..
static void renumber(typed::Region &region) {
  llvm::DenseMap<std::pair<Value *, int64_t>, int64_t> now;
  for (Value *value : region.values) {
    if (value->repeat) {
      auto &carried = value->repeat->carried;
      for (size_t i = 0; i < carried.size(); ++i) {
        now[{value, carried[i].argument->integer}] = i;
        carried[i].argument->integer = i;
      }
      renumber(value->repeat->body);
    } else if (value->kind == Kind::RepeatResult) {
      value->integer = now[{value->operands[0], value->integer}];
    }
  }
}

void prune(TypedModel &model) {
  Marking marking;
  marking.findLoops(model.body);
  for (const typed::Output &output : model.outputs)
    marking.need(output.value);
  if (model.loss) {
    marking.need(model.loss->value);
    marking.need(model.loss->mask);
  }
  for (const typed::Aux &aux : model.auxes)
    marking.need(aux.value);
  for (const typed::Metric &metric : model.metrics) {
    marking.need(metric.sum);
    marking.need(metric.count);
  }
  marking.run();
  removeDead(model.body, marking.live);
  renumber(model.body);
}

} // namespace kinu::check
