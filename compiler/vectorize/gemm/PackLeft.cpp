// Packing of the left operand into tiles: the rows of a tile side by side, k after k, each k a power of two of rows.
// Three ways: by vectors where rows are contiguous, by blocks transposed in registers where k is, one by one otherwise.
#include "compiler/vectorize/gemm/Blocks.h"

using namespace mlir;
using namespace kinu::vectorize;

/// Tiles that are written side by side while k runs. Each is a stream of writes; more streams than the first cache has
/// ways evict each other, since packed tiles often lie a multiple of its set size apart.
static constexpr int64_t kTilesTogether = 8;
/// Steps of k that share what finding a tile costs: as many rows of the source as the first cache of A64FX has ways.
static constexpr int64_t kStepsTogether = 4;
/// Steps of k that are fetched before they are copied.
static constexpr int64_t kStepsAhead = 8;

namespace {
struct LeftPacking {
  Emission &e;
  const RowTiles &tiles;
  const Walk &sum;
  Value base, packed, firstTile, firstSum, sums;
  Type element, packedElement;
  int64_t width = tiles.packedRows();

  /// Where a packed tile begins.
  Value packedTile(Value tile) {
    Value number = arith::SubIOp::create(e, tile, firstTile);
    return e.address(packed, packedElement, e.mul(e.mul(number, sums), width));
  }
  /// Where a tile's first row lies, at a step of k.
  Value source(Value tile, Value k) {
    return e.address(base, element, e.add(sum.offset(e, e.add(firstSum, k)), tiles.leftOffset(e, tile)));
  }
  Value mask(int64_t lanes) { return lanes < e.lanes ? e.firstLanes(lanes) : Value(); }
  void copyVectors(Value tile, Value k, int64_t rows);
  void transposeRows(Value tile, int64_t rows);
  void transpose(Value tile, Value to, Value k, int64_t rows, int64_t length);
  void copyScalars(Value tile, Value k, int64_t rows);
};
} // namespace

void LeftPacking::copyVectors(Value tile, Value k, int64_t rows) {
  Value from = source(tile, k), to = e.address(packedTile(tile), packedElement, e.mul(k, width));
  for (int64_t row = 0; row < rows; row += e.lanes) {
    if (sum.uniform())
      e.fetch(e.address(from, element, e.i64(kStepsAhead * sum.stride() + row)));
    Value lanes = mask(rows - row);
    e.storeVector(e.toFormat(e.loadVector(element, from, e.i64(row), lanes), packedElement), to, e.i64(row), lanes);
  }
}

void LeftPacking::copyScalars(Value tile, Value k, int64_t rows) {
  Value from = source(tile, k), to = e.address(packedTile(tile), packedElement, e.mul(k, width));
  for (int64_t row = 0; row < rows; ++row)
    e.store(e.toFormat(e.load(element, from, e.i64(row * tiles.leftRow)), packedElement), to, e.i64(row));
}

/// A vector of `length` steps of k from `k` on, of each row.
void LeftPacking::transpose(Value tile, Value to, Value k, int64_t rows, int64_t length) {
  Value from = source(tile, k);
  SmallVector<Value> vectors;
  for (int64_t row = 0; row < rows; ++row) {
    // Of the tile that comes next.
    e.fetch(e.address(from, element, e.i64((row + rows) * tiles.leftRow)));
    vectors.push_back(e.toFormat(e.loadVector(element, from, e.i64(row * tiles.leftRow), mask(length)), packedElement));
  }
  vectors.resize(size_t(width), LLVM::PoisonOp::create(e, e.vectorOf(packedElement))); // rows that nobody reads
  for (auto [i, vector] : llvm::enumerate(transposeTile(e, vectors)))
    if (int64_t first = int64_t(i) * e.lanes; first < length * width)
      e.storeVector(vector, to, e.add(e.mul(k, width), first), mask(length * width - first));
}

void LeftPacking::transposeRows(Value tile, int64_t rows) {
  Value to = packedTile(tile), whole = e.mul(e.div(sums, e.lanes), e.lanes);
  e.loop(e.i64(0), whole, e.lanes, [&](Value k) { transpose(tile, to, k, rows, e.lanes); });
  if (int64_t tail = sum.length() % e.lanes)
    e.loop(whole, sums, e.lanes, [&](Value k) { transpose(tile, to, k, rows, tail); });
}

void kinu::vectorize::packLeft(Emission &e, const RowTiles &tiles, const Walk &sum, Value base, Value packed,
                               Value firstTile, Value endTile, Value firstSum, Value sums, Type element,
                               Type packedElement) {
  LeftPacking packing{e,
                      tiles,
                      sum,
                      base,
                      packed,
                      firstTile,
                      firstSum,
                      sums,
                      element ? element : e.getF32Type(),
                      packedElement ? packedElement : e.getF32Type()};
  if (tiles.leftRow != 1 && sum.vectors(e.lanes))
    return e.loop(firstTile, endTile, 1, [&](Value tile) {
      tiles.withRows(e, tile, [&](int64_t rows) { packing.transposeRows(tile, rows); });
    });
  auto copy = [&](Value first, Value end, Value k, int64_t steps) {
    e.loop(first, end, 1, [&](Value tile) {
      tiles.withRows(e, tile, [&](int64_t rows) {
        for (int64_t step = 0; step < steps; ++step)
          if (tiles.leftRow == 1)
            packing.copyVectors(tile, e.add(k, step), rows);
          else
            packing.copyScalars(tile, e.add(k, step), rows);
      });
    });
  };
  Value whole = e.mul(e.div(sums, kStepsTogether), kStepsTogether);
  e.loop(firstTile, endTile, kTilesTogether, [&](Value first) {
    Value end = e.smaller(e.add(first, kTilesTogether), endTile);
    e.loop(e.i64(0), whole, kStepsTogether, [&](Value k) { copy(first, end, k, kStepsTogether); });
    e.loop(whole, sums, 1, [&](Value k) { copy(first, end, k, 1); });
  });
}
