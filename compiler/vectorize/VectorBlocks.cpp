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

void vectorize::emitVectors(Evaluator &evaluator, const Axis &axis, Value base, Value end, const Point &point,
                            llvm::function_ref<void(const Point &, Value)> body) {
  Emission &e = evaluator.e;
  int64_t length = axis.length, whole = length / e.lanes * e.lanes;
  auto visit = [&](Value at, Value mask) {
    Evaluator::Scope scope(evaluator);
    Point next = point;
    next[axis.name] = Index::lanesFrom(at, e.lanes);
    body(next, mask);
  };
  e.loop(base, e.smaller(end, e.i64(whole)), e.lanes, [&](Value at) { visit(at, {}); });
  if (whole == length)
    return;
  Value isLast = e.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, end, e.i64(length));
  e.ifThen(isLast, [&] { visit(e.i64(whole), e.firstLanes(length - whole)); });
}

void vectorize::emitBlock(Evaluator &evaluator, const VectorBlocks &space, Value item, const Point &point,
                          llvm::function_ref<void(const Point &, Value)> body) {
  if (!space.axis)
    return body(point, {});
  Emission &e = evaluator.e;
  Value first = e.mul(e.rem(item, space.blocks), space.block);
  Value end = e.smaller(e.add(first, space.block), e.i64(space.axis->length));
  emitVectors(evaluator, *space.axis, first, end, point, body);
}
