// See NextRow.h.
#include "compiler/vectorize/NextRow.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

/// Where the first cache has this size, rows of up to a third of it are fetched there, the others to the second cache.
static constexpr int64_t kLargeL1 = 48 << 10;

static int64_t bytesPerElement(NamedTensorType type) { return type.getElement().getIntOrFloatBitWidth() / 8; }

NextRow::NextRow(Emission &e, step::KernelOp kernel, const LoopPlan &plan) : e(e), passes(int64_t(plan.passes.size())) {
  bool hasPasses = passes > 1 && plan.vectorAxis && !plan.vectorsAreRows() && !plan.rows.empty() &&
                   llvm::all_of(plan.passes, [](const RowPass &pass) { return pass.axes.size() == 1; });
  if (!hasPasses || !e.isX86())
    return;
  row = plan.rows.back().name;
  for (auto [argument, pointer] : llvm::zip(kernel.getBody().getArguments(), e.operands)) {
    NamedTensorType type = typeOf(argument);
    bool isWalked = type.isFloat() && type.has(row) && type.getAxes().back().name == plan.vectorAxis->name;
    if (!isWalked || !llvm::all_of(type.getAxes().drop_back(), [&](const Axis &axis) { return plan.isRow(axis.name); }))
      continue;
    operands.push_back({type, pointer});
    rowBytes += plan.vectorAxis->length * bytesPerElement(type);
  }
}

bool NextRow::toFirstCache() const { return e.machine.l1Bytes >= kLargeL1 && rowBytes <= kLargeL1 / 3; }

/// With a small first cache, two where there are several operands, whose streams the processor loses sight of (Zen 4,
/// layernorms of 768: 15% faster than one row ahead), else one (25% faster than two).
int64_t NextRow::rowsAhead() const { return e.machine.l1Bytes < kLargeL1 && operands.size() > 1 ? 2 : 1; }

void NextRow::fetch(const Point &point, size_t pass, Value base, int64_t step) {
  for (const Operand &operand : operands) {
    Value index = e.i64(0);
    int64_t stride = 1, rowStride = 0, bytes = bytesPerElement(operand.type);
    for (const Axis &axis : llvm::reverse(operand.type.getAxes())) {
      if (stride > 1)
        index = e.add(index, e.mul(point.find(axis.name)->second.value, stride));
      if (axis.name == row)
        rowStride = stride;
      stride *= axis.length;
    }
    int64_t length = operand.type.getAxes().back().length;
    int64_t first = int64_t(pass) * length * bytes / passes / kLineBytes * kLineBytes;
    int64_t lines = llvm::divideCeil(step * bytes, passes * kLineBytes);
    Value next = e.address(operand.pointer, operand.type.getElement(), e.add(index, rowsAhead() * rowStride));
    // Of the last rows it is what lies behind the operand, which does no harm.
    Value from = e.address(next, e.getI8Type(), e.add(e.mul(e.div(base, step), lines * kLineBytes), first));
    for (int64_t line = 0; line < lines; ++line)
      e.fetch(e.address(from, e.getI8Type(), e.i64(line * kLineBytes)), toFirstCache() ? 1 : 2);
  }
}
