// Products between a block of queries and all keys, and loops over rows of scores.
#include "compiler/vectorize/attention/AttentionBlocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <numeric>

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

// A row of scores is a vector longer than it need be: rows whose distance is a power of two share a cache set.
AttentionBlocks::AttentionBlocks(Emission &e, const AttentionShape &shape)
    : e(e), shape(shape), evaluator(e), blockQueries(queriesPerBlock(shape, e.machine)),
      scoreRow(llvm::alignTo(shape.key.length, e.lanes) + e.lanes) {
  for (const Walk *columns : {&shape.q.columns, &shape.result.columns})
    if (!columns->uniform() && !reserveForLeft)
      reserveForLeft = reserve(blockQueries * std::max(shape.sums(), shape.values()));
}

Value AttentionBlocks::reserve(int64_t elements) {
  Value pointer = e.address(e.scratch, e.getF32Type(), e.i64(reserved));
  reserved += llvm::alignTo(elements, e.lanes);
  return pointer;
}

void AttentionBlocks::forBlocks(Value outer, Value first, Value end, std::optional<int64_t> limit,
                                llvm::function_ref<void(const QueryBlock &)> body) {
  e.loop(first, end, blockQueries, [&](Value query) {
    Evaluator::Scope scope(evaluator);
    Value count = e.smaller(arith::SubIOp::create(e, end, query), e.i64(blockQueries));
    Value keys = e.i64(shape.key.length);
    if (limit) {
      // Rounded up to whole panels and tiles, of which all products are made.
      int64_t unit = std::lcm(columnsPerBlock(e.machine), 2 * e.machine.gemmRows);
      Value visible = e.add(e.add(query, count), *limit);
      visible = arith::MaxSIOp::create(e, visible, e.i64(1));
      keys = e.smaller(e.mul(e.div(e.add(visible, unit - 1), unit), unit), keys);
    }
    body({outer, query, count, keys});
  });
}

void AttentionBlocks::packKeys(const AttentionShape::Matrix &matrix, Value base, Value panels, bool transposed) {
  Walk rows({{shape.key.length, matrix.row}});
  RightOperand right = transposed ? RightOperand{matrix.columns, rows} : RightOperand{rows, matrix.columns};
  packRight(e, right, base, panels, e.i64(0), e.i64(right.sum.length()), e.i64(0), e.i64(right.columns.length()));
}

void AttentionBlocks::packQueries(const AttentionShape::Matrix &matrix, Value base, const QueryBlock &block,
                                  Value panels) {
  RightOperand right{Walk({{shape.query.length, matrix.row}}), matrix.columns};
  packRight(e, right, base, panels, block.first, block.count, e.i64(0), e.i64(right.columns.length()));
}

/// Row tiles of queries in a block, as numbers through all queries.
static std::pair<Value, Value> tilesOf(Emission &e, const QueryBlock &block, int64_t rows) {
  Value end = e.add(block.first, block.count);
  return {e.div(block.first, rows), e.div(e.add(end, rows - 1), rows)};
}

void AttentionBlocks::multiplyByKeys(const AttentionShape::Matrix &matrix, Value base, const QueryBlock &block,
                                     Value panels, Value scores) {
  int64_t rows = attentionRows(e.machine, shape.key.length), sums = matrix.columns.length();
  RowTiles tiles{rows, shape.query.length, matrix.row, scoreRow};
  auto [firstTile, endTile] = tilesOf(e, block, rows);
  LeftOperand left{base, false, matrix.columns.stride()};
  if (!matrix.columns.uniform()) {
    packLeft(e, tiles, matrix.columns, base, reserveForLeft, firstTile, endTile, e.i64(0), e.i64(sums));
    left = {reserveForLeft, true};
  }
  Value result = plus(scores, e.mul(block.first, -scoreRow));
  multiplyBlock(e, tiles, firstTile, endTile, left, panels, e.i64(sums), block.keys,
                shape.key.length % columnsPerBlock(e.machine), {result, e.i1(false)});
}

void AttentionBlocks::multiplyScores(Value scores, const QueryBlock &block, Value panels,
                                     const AttentionShape::Matrix &matrix, Value base, Value spare) {
  int64_t columns = matrix.columns.length(), rows = attentionRows(e.machine, columns);
  bool direct = matrix.columns.contiguous();
  RowTiles tiles{rows, shape.query.length, scoreRow, direct ? matrix.row : rowElements(columns)};
  auto [firstTile, endTile] = tilesOf(e, block, rows);
  LeftOperand left{plus(scores, e.mul(block.first, -scoreRow)), false, 1};
  Value result = direct ? base : plus(spare, e.mul(block.first, -rowElements(columns)));
  multiplyBlock(e, tiles, firstTile, endTile, left, panels, block.keys, e.i64(columns),
                columns % columnsPerBlock(e.machine), {result, e.i1(false)});
  if (!direct)
    copyOut(e, spare, rowElements(columns), block.count, plus(base, e.mul(block.first, matrix.row)), matrix.row,
            matrix.columns, e.i64(0), e.i64(columns));
}

void AttentionBlocks::addTransposed(Value scores, const QueryBlock &block, Value panels, Value sums, int64_t columns) {
  int64_t rows = attentionRows(e.machine, columns);
  RowTiles tiles{rows, shape.key.length, 1, rowElements(columns)};
  Value endTile = e.div(e.add(block.keys, rows - 1), rows);
  multiplyBlock(e, tiles, e.i64(0), endTile, {scores, false, scoreRow}, panels, block.count, e.i64(columns),
                columns % columnsPerBlock(e.machine), {sums, e.i1(true)});
}

Point AttentionBlocks::queryPoint(const QueryBlock &block, Value row) {
  Point point = shape.outerPoint(e, block.outer);
  point[shape.query.name] = Index::at(e.add(block.first, row));
  return point;
}

SmallVector<Value> AttentionBlocks::overKeys(const QueryBlock &block, ValueRange carried,
                                             llvm::function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  Value whole = e.mul(e.div(block.keys, e.lanes), e.lanes);
  auto scoped = [&](Value mask) {
    return [&, mask](Value key, ValueRange values) {
      Evaluator::Scope scope(evaluator);
      return body(key, mask, values);
    };
  };
  SmallVector<Value> values = e.loop(e.i64(0), whole, e.lanes, carried, scoped({}));
  if (int64_t tail = shape.key.length % e.lanes)
    values = e.loop(whole, block.keys, e.lanes, values, scoped(e.firstLanes(tail)));
  return values;
}

void kinu::vectorize::bindExtras(Evaluator &evaluator, Region &region, unsigned first, ValueRange pointers) {
  for (auto [argument, pointer] : llvm::zip_equal(region.getArguments().drop_front(first), pointers))
    evaluator.bindMemory(argument, pointer);
}
