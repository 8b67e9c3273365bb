// Loops over pieces of a product.
#include "compiler/vectorize/gemm/Pieces.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu::vectorize;

/// Tasks [from, to) of those that differ in the fastest direction only; `number` tells the others apart.
static void line(Emission &e, const ContractionShape &shape, const Blocking &blocking, Value number, Value from,
                 Value to, llvm::function_ref<void(const PieceOfProduct &)> body) {
  auto tilesUpTo = [&](Value task) {
    return e.smaller(e.mul(task, blocking.tilesPerTask), e.i64(shape.tiles.tiles()));
  };
  auto columnsUpTo = [&](Value task) { return e.smaller(e.mul(task, blocking.columns), e.i64(shape.columns())); };
  int64_t others = blocking.rowsFastest ? blocking.columnTasks(shape) : blocking.rowTasks(shape);
  int64_t columnRuns = shape.resultColumnRuns.length();
  Value task = e.rem(number, others), outer = e.div(number, others);
  PieceOfProduct piece;
  piece.columnRun = e.rem(outer, columnRuns);
  piece.batch = e.div(outer, columnRuns);
  if (blocking.rowsFastest) {
    piece.firstTile = tilesUpTo(from);
    piece.endTile = tilesUpTo(to);
    piece.firstColumn = columnsUpTo(task);
    piece.endColumn = columnsUpTo(e.add(task, 1));
    return body(piece);
  }
  piece.firstTile = tilesUpTo(task);
  piece.endTile = tilesUpTo(e.add(task, 1));
  Value endColumn = columnsUpTo(to);
  e.loop(columnsUpTo(from), endColumn, blocking.mostColumns, [&](Value column) {
    piece.firstColumn = column;
    piece.endColumn = e.smaller(e.add(column, blocking.mostColumns), endColumn);
    body(piece);
  });
}

void kinu::vectorize::forEachPiece(Emission &e, const ContractionShape &shape, const Blocking &blocking,
                                   llvm::function_ref<void(const PieceOfProduct &)> body) {
  int64_t fastest = blocking.rowsFastest ? blocking.rowTasks(shape) : blocking.columnTasks(shape);
  e.loop(e.div(e.begin, fastest), e.div(e.add(e.end, fastest - 1), fastest), 1, [&](Value number) {
    Value first = e.mul(number, fastest);
    Value from = arith::MaxSIOp::create(e, arith::SubIOp::create(e, e.begin, first), e.i64(0));
    Value to = e.smaller(arith::SubIOp::create(e, e.end, first), e.i64(fastest));
    line(e, shape, blocking, number, from, to, body);
  });
}
