// Kernels of one `kinu.dot`: matrix products in the manner of BLIS (Van Zee and van de Geijn, 2015).
//
// A task owns a block of the result, [row tiles x columns], and runs through all of k in a fixed order, so the result
// is the same for any number of threads. Neighbouring tasks of a thread are done as one piece. For each stretch of k a
// piece packs the right operand's columns into panels, the left operand's rows into tiles unless they can be read in
// place, and lets micro-kernels run over tiles and panels.
#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/gemm/Blocking.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;
using kinu::machines::Machine;

namespace {
/// The code of one contraction.
struct Contraction {
  Emission &e;
  const ContractionShape &shape;
  const Blocking &blocking;
  Value left, right, result; ///< pointers
  int64_t columnTail = shape.rightOperand.columnTail(e.machine);
  // The thread's scratch, in elements: panels, packed rows, and a block of the result if it is to be scattered.
  int64_t mostColumns = std::min(blocking.mostColumns, shape.columns()); ///< of a piece
  int64_t panelElements = packedElements(e.machine, blocking.sums, mostColumns);
  int64_t leftElements = blocking.packLeft ? blocking.tilesPerPack * shape.tiles.rows * blocking.sums : 0;
  int64_t blockRow = llvm::alignTo(mostColumns, e.lanes);
  int64_t blockElements = shape.scattered ? blocking.tilesPerTask * shape.tiles.rows * blockRow : 0;

  int64_t scratchBytes() const { return 4 * (panelElements + llvm::alignTo(leftElements, e.lanes) + blockElements); }
  Value packedLeft() { return e.address(e.scratch, e.getF32Type(), e.i64(panelElements)); }
  Value block() {
    return e.address(e.scratch, e.getF32Type(), e.i64(panelElements + llvm::alignTo(leftElements, e.lanes)));
  }
  void tasks();
  void line(Value number, Value from, Value to);
  void piece(Value outer, Value firstTile, Value endTile, Value firstColumn, Value endColumn);
  void rows(Value leftBase, Value firstTile, Value endTile, Value firstSum, Value sums, Value columns,
            Value resultBase);
  void multiply(const RowTiles &tiles, Value firstTile, Value endTile, const LeftOperand &operand, Value firstSum,
                Value sums, Value columns, Value base);
  void scatter(Value firstTile, Value endTile, Value columns, Value resultBase, Value firstColumn);
  Value plus(Value pointer, Value offset) { return e.address(pointer, e.getF32Type(), offset); }
};
} // namespace

void Contraction::multiply(const RowTiles &tiles, Value firstTile, Value endTile, const LeftOperand &operand,
                           Value firstSum, Value sums, Value columns, Value base) {
  Value accumulate = arith::CmpIOp::create(e, arith::CmpIPredicate::ne, firstSum, e.i64(0));
  multiplyBlock(e, tiles, firstTile, endTile, operand, e.scratch, sums, columns, columnTail, {base, accumulate},
                blocking.order);
}

/// All rows of a task for one stretch of k whose panels are packed.
void Contraction::rows(Value leftBase, Value firstTile, Value endTile, Value firstSum, Value sums, Value columns,
                       Value resultBase) {
  RowTiles tiles = shape.tiles;
  if (shape.scattered) {
    // The block in scratch takes the place of the result: its tiles lie one below the other, from `firstTile` on.
    tiles.resultRow = blockRow;
    int64_t runRows = tiles.tilesPerRun() * tiles.rows;
    tiles.resultRuns = Walk({{tiles.leftRuns.length(), runRows * blockRow}});
    Value skipped = e.mul(firstTile, tiles.rows * blockRow);
    resultBase = plus(block(), arith::SubIOp::create(e, e.i64(0), skipped));
  }
  if (!blocking.packLeft) {
    LeftOperand operand{plus(leftBase, shape.leftSum.offset(e, firstSum)), false, shape.leftSum.stride()};
    return multiply(tiles, firstTile, endTile, operand, firstSum, sums, columns, resultBase);
  }
  e.loop(firstTile, endTile, blocking.tilesPerPack, [&](Value first) {
    Value end = e.smaller(e.add(first, blocking.tilesPerPack), endTile);
    packLeft(e, tiles, shape.leftSum, leftBase, packedLeft(), first, end, firstSum, sums);
    multiply(tiles, first, end, {packedLeft(), true}, firstSum, sums, columns, resultBase);
  });
}

void Contraction::scatter(Value firstTile, Value endTile, Value columns, Value resultBase, Value firstColumn) {
  const RowTiles &tiles = shape.tiles;
  e.loop(firstTile, endTile, 1, [&](Value tile) {
    Value number = arith::SubIOp::create(e, tile, firstTile);
    Value from = plus(block(), e.mul(number, tiles.rows * blockRow));
    Value to = plus(resultBase, tiles.resultOffset(e, tile));
    tiles.withRows(e, tile, [&](int64_t rows) {
      copyOut(e, from, blockRow, e.i64(rows), to, tiles.resultRow, shape.resultColumns, firstColumn, columns);
    });
  });
}

void Contraction::piece(Value outer, Value firstTile, Value endTile, Value firstColumn, Value endColumn) {
  int64_t columnRuns = shape.resultColumnRuns.length();
  Value columnRun = e.rem(outer, columnRuns), batch = e.div(outer, columnRuns);
  Value columns = arith::SubIOp::create(e, endColumn, firstColumn);
  Value leftBase = plus(left, shape.leftBatch.offset(e, batch));
  Value rightBase = plus(right, e.add(shape.rightBatch.offset(e, batch), shape.rightColumnRuns.offset(e, columnRun)));
  Value resultBase =
      plus(result, e.add(shape.resultBatch.offset(e, batch), shape.resultColumnRuns.offset(e, columnRun)));
  e.loop(e.i64(0), e.i64(shape.sums()), blocking.sums, [&](Value firstSum) {
    Value sums = e.smaller(arith::SubIOp::create(e, e.i64(shape.sums()), firstSum), e.i64(blocking.sums));
    packRight(e, shape.rightOperand, rightBase, e.scratch, firstSum, sums, firstColumn, columns);
    Value base = shape.scattered ? resultBase : plus(resultBase, firstColumn);
    rows(leftBase, firstTile, endTile, firstSum, sums, columns, base);
  });
  if (shape.scattered)
    scatter(firstTile, endTile, columns, resultBase, firstColumn);
}

/// Tasks [from, to) of those that differ in the fastest direction only; `number` tells the others apart.
void Contraction::line(Value number, Value from, Value to) {
  auto tilesUpTo = [&](Value task) {
    return e.smaller(e.mul(task, blocking.tilesPerTask), e.i64(shape.tiles.tiles()));
  };
  auto columnsUpTo = [&](Value task) { return e.smaller(e.mul(task, blocking.columns), e.i64(shape.columns())); };
  if (blocking.rowsFastest) {
    int64_t columnTasks = blocking.columnTasks(shape);
    Value task = e.rem(number, columnTasks);
    return piece(e.div(number, columnTasks), tilesUpTo(from), tilesUpTo(to), columnsUpTo(task),
                 columnsUpTo(e.add(task, 1)));
  }
  int64_t rowTasks = blocking.rowTasks(shape);
  Value task = e.rem(number, rowTasks), endColumn = columnsUpTo(to);
  e.loop(columnsUpTo(from), endColumn, mostColumns, [&](Value column) {
    piece(e.div(number, rowTasks), tilesUpTo(task), tilesUpTo(e.add(task, 1)), column,
          e.smaller(e.add(column, mostColumns), endColumn));
  });
}

void Contraction::tasks() {
  int64_t fastest = blocking.rowsFastest ? blocking.rowTasks(shape) : blocking.columnTasks(shape);
  e.loop(e.div(e.begin, fastest), e.div(e.add(e.end, fastest - 1), fastest), 1, [&](Value number) {
    Value first = e.mul(number, fastest);
    Value from = arith::MaxSIOp::create(e, arith::SubIOp::create(e, e.begin, first), e.i64(0));
    Value to = e.smaller(arith::SubIOp::create(e, e.end, first), e.i64(fastest));
    line(number, from, to);
  });
}

llvm::Expected<Lowered> kinu::vectorize::lowerContraction(step::KernelOp kernel, const Machine &machine) {
  auto yield = cast<YieldOp>(kernel.getBody().front().getTerminator());
  auto dot = yield.getOperand(0).getDefiningOp<DotOp>();
  if (!dot || yield.getNumOperands() != 1)
    return llvm::createStringError("contraction `" + kernel.getSymName() + "` does not yield one kinu.dot");
  auto lhs = dyn_cast<BlockArgument>(dot.getLhs()), rhs = dyn_cast<BlockArgument>(dot.getRhs());
  if (!lhs || !rhs)
    return llvm::createStringError("contraction `" + kernel.getSymName() + "` is not on the kernel's operands");

  ContractionShape shape = analyseContraction(typeOf(lhs), typeOf(rhs), dot.getType(), dot.getOver());
  shape.tiles.rows = std::min(shape.tiles.run, rowsPerBlock(machine, shape.columns()));
  Blocking blocking = chooseBlocking(shape, machine);

  Emission e(kernel, machine);
  unsigned operands[] = {lhs.getArgNumber(), rhs.getArgNumber()};
  Contraction code{e,           shape, blocking, e.operands[operands[shape.left]], e.operands[operands[shape.right]],
                   e.results[0]};
  code.tasks();
  Lowered lowered;
  lowered.tasks = blocking.tasks(shape);
  lowered.scratchBytes = code.scratchBytes();
  lowered.operations = shape.operations();
  auto module = e.finish();
  if (!module)
    return module.takeError();
  lowered.module = std::move(*module);
  return lowered;
}
