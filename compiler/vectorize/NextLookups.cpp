// See NextLookups.h.
#include "compiler/vectorize/NextLookups.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

/// Whether the index of a lookup can be read at the next row: it is in memory, and has the walked axes at their full
/// length. Below a pad or a concat, an axis of the same name may be shorter.
static bool isReadable(Value index, ArrayRef<Axis> walked) {
  NamedTensorType type = typeOf(index);
  return isa<BlockArgument>(index) && type.has(walked.back().name) &&
         llvm::all_of(type.getAxes(), [&](const Axis &axis) { return llvm::is_contained(walked, axis); });
}

NextLookups::NextLookups(Evaluator &evaluator, step::KernelOp kernel, const LoopPlan &plan, const TaskSplit &split,
                         const Point &point)
    : evaluator(evaluator), vectorAxis(plan.vectorAxis->name) {
  Emission &e = evaluator.e;
  SmallVector<Axis> walked(split.outer);
  walked.append(split.middle);
  if (walked.empty() || !e.isX86())
    return;
  const Axis &row = walked.back();
  Point next = point;
  next[row.name] = Index::at(e.smaller(e.add(point.find(row.name)->second.value, 1), e.i64(row.length - 1)));
  for (LookupOp lookup : kernel.getBody().front().getOps<LookupOp>()) {
    auto table = dyn_cast<BlockArgument>(lookup.getSource());
    bool isKnown = table && typeOf(table).getAxes().back().name == vectorAxis &&
                   llvm::all_of(lookup.getIndices(), [&](Value index) { return isReadable(index, walked); });
    if (!isKnown)
      continue;
    Point place = next;
    for (auto [name, index] : llvm::zip(lookup.getAxes().getAsRange<StringAttr>(), lookup.getIndices()))
      place[StringAttr::get(e.getContext(), name.getValue())] =
          Index::at(resized(e, evaluator.evaluate(index, next), 64));
    rows.push_back({typeOf(table), e.operands[table.getArgNumber()], place});
  }
}

void NextLookups::fetch(const Index &index) {
  for (const Row &row : rows) {
    Point point = row.point;
    point[vectorAxis] = index;
    evaluator.fetch(row.type, row.pointer, point, /*toWrite=*/false, 2);
  }
}
