// Loops of micro-kernels over the tiles and panels of a block.
#include "compiler/vectorize/gemm/Blocks.h"

#include "compiler/vectorize/gemm/PromotingKernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace kinu::vectorize;

static Value tileOffset(Emission &e, const RowTiles &tiles, const Walk &runs, int64_t rowStride, Value tile) {
  Value inRun = runs.length() == 1 ? tile : e.rem(tile, tiles.tilesPerRun());
  return e.add(runs.offset(e, e.div(tile, tiles.tilesPerRun())), e.mul(inRun, tiles.rows * rowStride));
}

Value RowTiles::leftOffset(Emission &e, Value tile) const { return tileOffset(e, *this, leftRuns, leftRow, tile); }
Value RowTiles::resultOffset(Emission &e, Value tile) const {
  return tileOffset(e, *this, resultRuns, resultRow, tile);
}

Value RowTiles::firstRow(Emission &e, Value tile) const {
  if (leftRuns.length() == 1)
    return e.mul(tile, rows);
  return e.add(e.mul(e.div(tile, tilesPerRun()), run), e.mul(e.rem(tile, tilesPerRun()), rows));
}

Value RowTiles::rowsOf(Emission &e, Value tile) const {
  if (!tail())
    return e.i64(rows);
  Value last = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, e.rem(tile, tilesPerRun()), e.i64(tilesPerRun() - 1));
  return arith::SelectOp::create(e, last, e.i64(tail()), e.i64(rows));
}

void RowTiles::withRows(Emission &e, Value tile, llvm::function_ref<void(int64_t)> body) const {
  if (!tail())
    return body(rows);
  if (tilesPerRun() == 1)
    return body(tail());
  Value last = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, e.rem(tile, tilesPerRun()), e.i64(tilesPerRun() - 1));
  auto branch = scf::IfOp::create(e, last, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(branch.thenBlock());
  body(tail());
  e.setInsertionPointToStart(branch.elseBlock());
  body(rows);
}

/// Copies `count` neighbours of `element` to `packed`, by vectors of powers of two.
static void copyNeighbours(Emission &e, Type element, Type packed, Value from, Value to, int64_t count) {
  for (int64_t done = 0; done < count;) {
    int64_t lanes = std::min<int64_t>(e.lanes, llvm::bit_floor(uint64_t(count - done)));
    Type type = lanes == 1 ? element : VectorType::get({lanes}, element);
    Value loaded =
        LLVM::LoadOp::create(e, type, e.address(from, element, e.i64(done)), element.getIntOrFloatBitWidth() / 8);
    LLVM::StoreOp::create(e, e.toFormat(loaded, packed), e.address(to, packed, e.i64(done)),
                          packed.getIntOrFloatBitWidth() / 8);
    done += lanes;
  }
}

void kinu::vectorize::packLeft(Emission &e, const RowTiles &tiles, const Walk &sum, Value base, Value packed,
                               Value firstTile, Value endTile, Value firstSum, Value sums, Type element,
                               Type packedElement) {
  element = element ? element : e.getF32Type();
  packedElement = packedElement ? packedElement : e.getF32Type();
  e.loop(e.i64(0), sums, 1, [&](Value k) {
    Value source = e.address(base, element, sum.offset(e, e.add(firstSum, k)));
    e.loop(firstTile, endTile, 1, [&](Value tile) {
      Value from = e.address(source, element, tiles.leftOffset(e, tile));
      Value number = arith::SubIOp::create(e, tile, firstTile);
      Value panel = e.mul(e.mul(number, sums), tiles.rows);
      tiles.withRows(e, tile, [&](int64_t rows) {
        Value to = e.address(packed, packedElement, e.add(panel, e.mul(k, rows)));
        if (tiles.leftRow == 1)
          return copyNeighbours(e, element, packedElement, from, to, rows);
        for (int64_t row = 0; row < rows; ++row)
          e.store(e.toFormat(e.load(element, from, e.i64(row * tiles.leftRow)), packedElement), to, e.i64(row));
      });
    });
  });
}

void kinu::vectorize::multiplyBlock(Emission &e, const RowTiles &tiles, Value firstTile, Value endTile,
                                    const LeftOperand &left, Value panels, Value sums, Value columns,
                                    int64_t columnTail, const ResultBlock &result, LoopOrder order) {
  int64_t width = columnsPerBlock(e.machine);
  Value fullPanels = e.div(columns, width);
  Type element = left.promote ? Type(e.getF16Type()) : e.getF32Type();
  auto product = [&](Value tile, Value panel, int64_t panelColumns) {
    Value rhs = e.address(panels, element, e.mul(e.mul(panel, sums), width));
    Value number = arith::SubIOp::create(e, tile, firstTile);
    Value leftPlace = left.packed ? e.mul(e.mul(number, sums), tiles.rows) : tiles.leftOffset(e, tile);
    Value lhs = e.address(left.base, element, leftPlace);
    Value begin = result.place ? result.place(tile) : tiles.resultOffset(e, tile);
    Value place = e.add(begin, e.mul(panel, width));
    Value to = e.address(result.base, e.getF32Type(), place);
    tiles.withRows(e, tile, [&](int64_t rows) {
      MicroKernel shape{rows,
                        panelColumns,
                        left.packed ? 1 : tiles.leftRow,
                        left.packed ? rows : left.sumStride,
                        int64_t(llvm::alignTo(panelColumns, e.lanes)),
                        tiles.resultRow};
      if (left.promote)
        callPromotingKernel(e, shape, left.promote, lhs, rhs, to, sums, result.accumulate);
      else
        callMicroKernel(e, shape, lhs, rhs, to, sums, result.accumulate);
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
