// Packing of the right operand. Three ways: by vectors where columns are contiguous, by tiles transposed in registers
// where k is, one by one otherwise.
#include "compiler/vectorize/gemm/Packing.h"

#include "compiler/vectorize/gemm/MicroKernel.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace kinu::vectorize;
using kinu::machines::Machine;

int64_t RightOperand::columnTail(const Machine &machine) const { return columns.length() % columnsPerBlock(machine); }

int64_t kinu::vectorize::packedElements(const Machine &machine, int64_t sums, int64_t columns) {
  return sums * llvm::alignTo(columns, machine.floatsPerVector());
}

/// Panels that are written side by side while k runs. Each is a stream of writes; more streams than the first cache has
/// ways evict each other, since panels often lie a multiple of its set size apart.
static constexpr int64_t kPanelsTogether = 8;
/// Steps of k that are fetched before they are copied, to the second cache: panels are written through the first one
/// meanwhile (Zen 4: 5% of a product of 256 rows against 4 steps to the first cache).
static constexpr int64_t kStepsAhead = 8;
static constexpr int kFetchLevel = 2;

namespace {
struct Packing {
  Emission &e;
  const RightOperand &right;
  Value base, panels, firstSum, sums, firstColumn, count;
  int64_t width = columnsPerBlock(e.machine);
  int64_t tail = right.columnTail(e.machine);
  int64_t tailWidth = llvm::alignTo(tail, e.lanes);
  Value fullPanels = e.div(count, width);
  Type element = right.element ? right.element : e.getF32Type();
  Type packed = right.packed ? right.packed : e.getF32Type();

  Value source(Value sum) { return e.address(base, element, right.sum.offset(e, e.add(firstSum, sum))); }
  Value loadVector(Value from, Value index, Value mask) {
    return e.toFormat(e.loadVector(element, from, index, mask), packed);
  }
  void copyVectors();
  void copyPanelRow(Value from, Value sum, Value panel, int64_t columns);
  void transpose();
  void transposeColumns(Value vectorNumber);
  void copyScalars();
  /// The width of a panel: that of the last one may be less.
  Value widthOf(Value panel);
};
} // namespace

void Packing::copyPanelRow(Value from, Value sum, Value panel, int64_t columns) {
  Value to =
      e.address(panels, packed, e.add(e.mul(e.mul(panel, sums), width), e.mul(sum, llvm::alignTo(columns, e.lanes))));
  for (int64_t lane = 0; lane < columns; lane += e.lanes) {
    Value mask = lane + e.lanes > columns ? e.firstLanes(columns - lane) : Value();
    Value column = e.add(e.add(firstColumn, e.mul(panel, width)), lane);
    Value place = right.columns.offset(e, column);
    if (right.sum.uniform())
      e.fetch(e.address(from, element, e.add(place, kStepsAhead * right.sum.stride())), kFetchLevel);
    e.storeVector(loadVector(from, place, mask), to, e.i64(lane));
  }
}

// A row of k of some panels at a time: memory is read in stretches, a panel takes a few vectors of each.
void Packing::copyVectors() {
  auto rowsOf = [&](Value firstPanel, Value endPanel, int64_t columns) {
    e.loop(e.i64(0), sums, 1, [&](Value sum) {
      Value from = source(sum);
      e.loop(firstPanel, endPanel, 1, [&](Value panel) { copyPanelRow(from, sum, panel, columns); });
    });
  };
  e.loop(e.i64(0), fullPanels, kPanelsTogether,
         [&](Value first) { rowsOf(first, e.smaller(e.add(first, kPanelsTogether), fullPanels), width); });
  if (tail)
    rowsOf(fullPanels, e.div(e.add(count, width - 1), width), tail);
}

Value Packing::widthOf(Value panel) {
  if (!tail)
    return e.i64(width);
  Value full = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, panel, fullPanels);
  return arith::SelectOp::create(e, full, e.i64(width), e.i64(tailWidth));
}

SmallVector<Value> kinu::vectorize::transposeTile(Emission &e, SmallVector<Value> rows) {
  // Interleaving the first half of the rows with the second, log2(rows) times over, is a transposition. Every stage is
  // `zip1` and `zip2` on SVE, one permutation each on AVX-512.
  int64_t lanes = e.lanes, half = int64_t(rows.size()) / 2;
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes; ++i) {
    low.push_back(i / 2 + i % 2 * lanes);
    high.push_back(lanes / 2 + i / 2 + i % 2 * lanes);
  }
  for (size_t stage = 1; stage < rows.size(); stage *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < half; ++i) {
      next.push_back(vector::ShuffleOp::create(e, rows[size_t(i)], rows[size_t(i + half)], low));
      next.push_back(vector::ShuffleOp::create(e, rows[size_t(i)], rows[size_t(i + half)], high));
    }
    rows = next;
  }
  return rows;
}

void Packing::transposeColumns(Value vectorNumber) {
  int64_t vectorsPerPanel = width / e.lanes;
  Value panel = e.div(vectorNumber, vectorsPerPanel);
  Value panelWidth = widthOf(panel);
  Value to = e.address(panels, packed,
                       e.add(e.mul(e.mul(panel, sums), width), e.mul(e.rem(vectorNumber, vectorsPerPanel), e.lanes)));
  // Past the last column the last one is read again: those lanes never reach the result.
  SmallVector<Value> columns;
  Value last = e.i64(right.columns.length() - 1);
  for (int64_t lane = 0; lane < e.lanes; ++lane) {
    Value column = e.smaller(e.add(e.add(firstColumn, e.mul(vectorNumber, e.lanes)), lane), last);
    columns.push_back(e.address(base, element, right.columns.offset(e, column)));
  }
  auto tile = [&](Value sum, int64_t length) {
    Value mask = length < e.lanes ? e.firstLanes(length) : Value();
    Value from = right.sum.offset(e, e.add(firstSum, sum));
    SmallVector<Value> rows;
    for (Value column : columns) {
      // Of the columns that come next.
      if (right.columns.uniform())
        e.fetch(e.address(column, element, e.add(from, e.lanes * right.columns.stride())), kFetchLevel);
      rows.push_back(loadVector(column, from, mask));
    }
    rows = transposeTile(e, rows);
    for (int64_t i = 0; i < length; ++i)
      e.storeVector(rows[i], to, e.mul(e.add(sum, i), panelWidth));
  };
  Value whole = e.mul(e.div(sums, e.lanes), e.lanes);
  e.loop(e.i64(0), whole, e.lanes, [&](Value sum) { tile(sum, e.lanes); });
  if (int64_t sumTail = right.sum.length() % e.lanes)
    e.loop(whole, sums, e.lanes, [&](Value sum) { tile(sum, sumTail); });
}

void Packing::transpose() {
  e.loop(e.i64(0), e.div(e.add(count, e.lanes - 1), e.lanes), 1, [&](Value number) { transposeColumns(number); });
}

void Packing::copyScalars() {
  e.loop(e.i64(0), sums, 1, [&](Value sum) {
    Value from = source(sum);
    e.loop(e.i64(0), count, 1, [&](Value column) {
      Value panel = e.div(column, width);
      Value to = e.add(e.add(e.mul(e.mul(panel, sums), width), e.mul(sum, widthOf(panel))), e.rem(column, width));
      Value offset = right.columns.offset(e, e.add(firstColumn, column));
      e.store(e.toFormat(e.load(element, from, offset), packed), panels, to);
    });
  });
}

void kinu::vectorize::packRight(Emission &e, const RightOperand &right, Value base, Value panels, Value firstSum,
                                Value sums, Value firstColumn, Value count) {
  Packing packing{e, right, base, panels, firstSum, sums, firstColumn, count};
  if (right.columns.vectors(e.lanes))
    packing.copyVectors();
  else if (right.sum.vectors(e.lanes))
    packing.transpose();
  else
    packing.copyScalars();
}
