// Items: how many make a task, and the loops that visit them.
#include "compiler/vectorize/Items.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

int64_t vectorize::itemsPerTask(int64_t items, double operationsPerItem) {
  auto enough = static_cast<int64_t>(std::ceil(kTaskOperations / std::max(1.0, operationsPerItem)));
  bool isWorthSplitting = operationsPerItem * double(items) > 4 * kTaskOperations;
  if (isWorthSplitting)
    enough = std::min(enough, std::max<int64_t>(1, items / kTasksAtLeast));
  return std::clamp<int64_t>(enough, 1, items);
}

void vectorize::emitItems(Evaluator &evaluator, int64_t items, int64_t itemsPerTask,
                          llvm::function_ref<void(Value)> body) {
  Emission &e = evaluator.e;
  Value first = e.mul(e.begin, itemsPerTask);
  Value last = e.smaller(e.mul(e.end, itemsPerTask), e.i64(items));
  e.loop(first, last, 1, [&](Value item) {
    Evaluator::Scope scope(evaluator);
    body(item);
  });
}

Point vectorize::pointOf(Emission &e, Value item, ArrayRef<Axis> axes) {
  Point point;
  for (size_t i = axes.size(); i-- > 0;) {
    point[axes[i].name] = Index::at(i == 0 ? item : e.rem(item, axes[i].length));
    item = e.div(item, axes[i].length);
  }
  return point;
}

void vectorize::emitPoints(Evaluator &evaluator, ArrayRef<Axis> axes, const Point &point,
                           llvm::function_ref<void(const Point &)> body) {
  if (axes.empty())
    return body(point);
  Emission &e = evaluator.e;
  e.loop(e.i64(0), e.i64(axes.front().length), 1, [&](Value i) {
    Evaluator::Scope scope(evaluator);
    Point next = point;
    next[axes.front().name] = Index::at(i);
    emitPoints(evaluator, axes.drop_front(), next, body);
  });
}
