// Loops of micro-kernels over the tiles and panels of a block.
#include "compiler/vectorize/gemm/Blocks.h"

#include "compiler/vectorize/gemm/PromotingKernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace kinu::vectorize;

Value RowTiles::rowInRun(Emission &e, Value tile) const {
  Value inRun = leftRuns.length() == 1 ? tile : e.rem(tile, tilesPerRun());
  Value row = e.mul(inRun, rows);
  if (!level || !tail())
    return row;
  Value lowerBefore = arith::MaxSIOp::create(e, arith::SubIOp::create(e, inRun, e.i64(fullTiles())), e.i64(0));
  return arith::SubIOp::create(e, row, lowerBefore);
}

Value RowTiles::leftOffset(Emission &e, Value tile) const {
  return e.add(leftRuns.offset(e, e.div(tile, tilesPerRun())), e.mul(rowInRun(e, tile), leftRow));
}

Value RowTiles::resultOffset(Emission &e, Value tile) const {
  return e.add(resultRuns.offset(e, e.div(tile, tilesPerRun())), e.mul(rowInRun(e, tile), resultRow));
}

Value RowTiles::firstRow(Emission &e, Value tile) const {
  Value row = rowInRun(e, tile);
  return leftRuns.length() == 1 ? row : e.add(e.mul(e.div(tile, tilesPerRun()), run), row);
}

Value RowTiles::isLower(Emission &e, Value tile) const {
  return arith::CmpIOp::create(e, arith::CmpIPredicate::sge, e.rem(tile, tilesPerRun()), e.i64(fullTiles()));
}

Value RowTiles::rowsOf(Emission &e, Value tile) const {
  if (!tail())
    return e.i64(rows);
  return arith::SelectOp::create(e, isLower(e, tile), e.i64(tail()), e.i64(rows));
}

void RowTiles::withRows(Emission &e, Value tile, llvm::function_ref<void(int64_t)> body) const {
  if (!tail())
    return body(rows);
  if (fullTiles() == 0)
    return body(tail());
  e.either(isLower(e, tile), [&](bool lower) { body(lower ? tail() : rows); });
}

/// What the micro-kernel at `panel` fetches of the next tile, if that is read in place: tile after tile jumps from row
/// to row, which no prefetcher foresees. The first panels fetch rows in turns, `kNextRows` each while there are panels;
/// to the others the tile at hand is named, which is in the first cache. After a piece's last tile this is in vain.
static Value nextLeft(Emission &e, const RowTiles &tiles, const LeftOperand &left, Value tile, Value lhs, Value panel) {
  if (left.reading != LeftReading::InPlace || left.sumStride != 1 || left.promote || !e.isX86())
    return Value();
  Value row = e.mul(panel, kNextRows);
  Value next = e.add(tiles.leftOffset(e, e.add(tile, 1)), e.mul(row, tiles.leftRow));
  Value isRow = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, row, e.i64(tiles.rows));
  return arith::SelectOp::create(e, isRow, e.address(left.base, e.getF32Type(), next), lhs);
}

void kinu::vectorize::multiplyBlock(Emission &e, const RowTiles &tiles, Value firstTile, Value endTile,
                                    const LeftOperand &left, Value panels, Value sums, Value columns,
                                    int64_t columnTail, const ResultBlock &result, LoopOrder order) {
  bool byFirstPanel = left.reading == LeftReading::PackedByFirstPanel,
       packedBefore = left.reading == LeftReading::Packed;
  assert(!byFirstPanel || (!left.promote && tiles.leftRow == 1 && order == LoopOrder::PanelsWithinTiles));
  int64_t width = columnsPerBlock(e.machine);
  Value fullPanels = e.div(columns, width);
  Type element = left.promote ? Type(e.getF16Type()) : e.getF32Type();
  auto product = [&](Value tile, Value panel, int64_t panelColumns) {
    Value rhs = e.address(panels, element, e.mul(e.mul(panel, sums), width));
    Value number = arith::SubIOp::create(e, tile, firstTile);
    Value leftPlace = packedBefore ? e.mul(e.mul(number, sums), tiles.packedRows()) : tiles.leftOffset(e, tile);
    Value lhs = e.address(left.base, element, leftPlace);
    Value begin = result.place ? result.place(tile) : tiles.resultOffset(e, tile);
    Value place = e.add(begin, e.mul(panel, width));
    Value to = e.address(result.base, e.getF32Type(), place);
    ForLater later;
    if (order == LoopOrder::PanelsWithinTiles)
      later.nextLhs = nextLeft(e, tiles, left, tile, lhs, panel);
    auto multiply = [&](Value lhs, bool packed) {
      tiles.withRows(e, tile, [&](int64_t rows) {
        MicroKernel shape{rows,
                          panelColumns,
                          packed ? 1 : tiles.leftRow,
                          packed ? tiles.packedRows() : left.sumStride,
                          int64_t(llvm::alignTo(panelColumns, e.lanes)),
                          tiles.resultRow};
        if (left.promote)
          callPromotingKernel(e, shape, left.promote, lhs, rhs, to, sums, result.accumulate);
        else
          callMicroKernel(e, shape, lhs, rhs, to, sums, result.accumulate, later);
      });
    };
    if (!byFirstPanel)
      return multiply(lhs, packedBefore);
    e.either(arith::CmpIOp::create(e, arith::CmpIPredicate::eq, panel, e.i64(0)), [&](bool first) {
      later.packed = first ? left.packed : Value();
      later.packedRows = tiles.packedRows();
      multiply(first ? lhs : left.packed, !first);
    });
  };
  auto overPanels = [&](llvm::function_ref<void(Value, int64_t)> body) {
    e.loop(e.i64(0), fullPanels, 1, [&](Value panel) { body(panel, width); });
    if (columnTail)
      e.loop(fullPanels, e.div(e.add(columns, width - 1), width), 1, [&](Value panel) { body(panel, columnTail); });
  };
  auto overTiles = [&](llvm::function_ref<void(Value)> body) { e.loop(firstTile, endTile, 1, body); };
  if (order == LoopOrder::PanelsWithinTiles)
    overTiles([&](Value tile) {
      overPanels([&](Value panel, int64_t panelColumns) { product(tile, panel, panelColumns); });
      if (result.finish)
        result.finish(tile, e.i64(0), columns);
    });
  else
    overPanels([&](Value panel, int64_t panelColumns) {
      overTiles([&](Value tile) {
        product(tile, panel, panelColumns);
        if (result.finish)
          result.finish(tile, e.mul(panel, width), e.i64(panelColumns));
      });
    });
}

void kinu::vectorize::copyOut(Emission &e, Value block, int64_t blockRow, Value rows, Value result, int64_t resultRow,
                              const Walk &columnWalk, Value firstColumn, Value columns) {
  bool vectors = columnWalk.vectors(e.lanes);
  e.loop(e.i64(0), rows, 1, [&](Value row) {
    Value from = e.address(block, e.getF32Type(), e.mul(row, blockRow));
    Value to = e.address(result, e.getF32Type(), e.mul(row, resultRow));
    Value whole = vectors ? e.mul(e.div(columns, e.lanes), e.lanes) : e.i64(0);
    if (vectors)
      e.loop(e.i64(0), whole, e.lanes, [&](Value column) {
        Value value = e.loadVector(e.getF32Type(), from, column);
        e.storeVector(value, to, columnWalk.offset(e, e.add(firstColumn, column)));
      });
    e.loop(whole, columns, 1, [&](Value column) {
      Value value = e.load(e.getF32Type(), from, column);
      e.store(value, to, columnWalk.offset(e, e.add(firstColumn, column)));
    });
  });
}
