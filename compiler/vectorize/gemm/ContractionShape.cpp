// Which axes of a dot are batch, rows, columns and summed, and how each lies in memory.
#include "compiler/vectorize/gemm/ContractionShape.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

namespace {
/// An axis with its strides in the three tensors, 0 where a tensor does not have it.
struct Loop {
  Axis axis;
  int64_t length, left, right, result;
};
using Loops = SmallVector<Loop>;
} // namespace

static SmallVector<Axis> axesOf(ArrayRef<Loop> loops) {
  return llvm::map_to_vector(loops, [](const Loop &loop) { return loop.axis; });
}

static Walk walk(ArrayRef<Loop> loops, int64_t Loop::*stride) {
  SmallVector<Walk::Step> steps;
  for (const Loop &loop : loops)
    steps.push_back({loop.length, loop.*stride});
  return Walk(steps);
}

/// How many of the last loops move evenly in a tensor: as one axis.
static size_t evenSuffix(ArrayRef<Loop> loops, int64_t Loop::*stride) {
  size_t count = loops.empty() ? 0 : 1;
  while (count < loops.size() && loops[loops.size() - count - 1].*stride ==
                                     loops[loops.size() - count].*stride * loops[loops.size() - count].length)
    ++count;
  return count;
}

static void setRows(ContractionShape &shape, ArrayRef<Loop> rows) {
  size_t even = std::min(evenSuffix(rows, &Loop::left), evenSuffix(rows, &Loop::result));
  ArrayRef<Loop> runs = rows.drop_back(even), run = rows.take_back(even);
  shape.tiles.leftRuns = walk(runs, &Loop::left);
  shape.tiles.resultRuns = walk(runs, &Loop::result);
  shape.tiles.run = walk(run, &Loop::left).length();
  shape.tiles.leftRow = run.empty() ? 0 : run.back().left;
  shape.tiles.resultRow = run.empty() ? 0 : run.back().result;
  shape.rowAxes = axesOf(rows);
}

static void setColumns(ContractionShape &shape, ArrayRef<Loop> columns) {
  shape.scattered = !columns.empty() && columns.back().result != 1;
  size_t together = shape.scattered ? columns.size() : evenSuffix(columns, &Loop::result);
  ArrayRef<Loop> runs = columns.drop_back(together), run = columns.take_back(together);
  shape.rightColumnRuns = walk(runs, &Loop::right);
  shape.resultColumnRuns = walk(runs, &Loop::result);
  shape.rightOperand.columns = walk(run, &Loop::right);
  shape.resultColumns = walk(run, &Loop::result);
  shape.columnRunAxes = axesOf(runs);
  shape.columnAxes = axesOf(run);
}

Type ContractionShape::computedElement() const {
  return promote ? Type(Float16Type::get(element.getContext())) : Type(Float32Type::get(element.getContext()));
}

ContractionShape kinu::vectorize::analyseContraction(NamedTensorType lhs, NamedTensorType rhs, NamedTensorType result,
                                                     ArrayAttr over) {
  ContractionShape shape;
  shape.element = shape.rightOperand.element = lhs.getElement();
  shape.resultElement = result.getElement();
  // The last axis that one operand has alone decides which one gives the columns.
  for (const Axis &axis : result.getAxes())
    if (axis.length > 1 && lhs.has(axis.name) != rhs.has(axis.name))
      shape.right = rhs.has(axis.name) ? 1 : 0;
  shape.left = 1 - shape.right;
  if (shape.left == 1)
    std::swap(lhs, rhs);

  Loops batch, rows, columns, sum;
  auto loopOf = [&](const Axis &axis) {
    return Loop{axis, axis.length, strideOf(lhs, axis.name), strideOf(rhs, axis.name), strideOf(result, axis.name)};
  };
  for (const Axis &axis : result.getAxes()) {
    if (axis.length == 1)
      continue;
    Loops &kind = !rhs.has(axis.name) ? rows : !lhs.has(axis.name) ? columns : batch;
    kind.push_back(loopOf(axis));
  }
  for (const Axis &axis : lhs.getAxes())
    if (axis.length > 1 && contains(over, axis.name.getValue()))
      sum.push_back(loopOf(axis));

  shape.leftBatch = walk(batch, &Loop::left);
  shape.rightBatch = walk(batch, &Loop::right);
  shape.resultBatch = walk(batch, &Loop::result);
  shape.batchAxes = axesOf(batch);
  shape.leftSum = walk(sum, &Loop::left);
  shape.rightOperand.sum = walk(sum, &Loop::right);
  setRows(shape, rows);
  setColumns(shape, columns);
  return shape;
}
