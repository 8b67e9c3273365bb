// A space of independent rows whose last axis is walked by vectors.
#include "compiler/vectorize/VectorBlocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

VectorBlocks::VectorBlocks(ArrayRef<Axis> outer, std::optional<Axis> axis, int64_t lanes) : outer(outer), axis(axis) {
  for (const Axis &other : outer)
    items *= other.length;
  if (!axis)
    return;
  int64_t wanted = std::min(ceilDivide(kTasksAtLeast, items), ceilDivide(axis->length, lanes));
  block = llvm::alignTo(ceilDivide(axis->length, wanted), lanes);
  blocks = ceilDivide(axis->length, block);
  items *= blocks;
}

Point vectorize::pointOf(Emission &e, const VectorBlocks &space, Value item) {
  return pointOf(e, e.div(item, space.blocks), space.outer);
}

void vectorize::emitBlock(Evaluator &evaluator, const VectorBlocks &space, Value item, const Point &point,
                          llvm::function_ref<void(const Point &, Value)> body) {
  if (!space.axis)
    return body(point, {});
  Emission &e = evaluator.e;
  int64_t length = space.axis->length, whole = length / e.lanes * e.lanes;
  auto visit = [&](Value base, Value mask) {
    Evaluator::Scope scope(evaluator);
    Point next = point;
    next[space.axis->name] = Index::lanesFrom(base, e.lanes);
    body(next, mask);
  };
  Value first = e.mul(e.rem(item, space.blocks), space.block);
  e.loop(first, e.smaller(e.add(first, space.block), e.i64(whole)), e.lanes, [&](Value base) { visit(base, {}); });
  if (whole == length)
    return;
  Value isLast = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, first, e.i64((space.blocks - 1) * space.block));
  e.ifThen(isLast, [&] { visit(e.i64(whole), e.firstLanes(length - whole)); });
}
