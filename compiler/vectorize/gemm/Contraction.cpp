// Kernels of one `kinu.dot`: matrix products in the manner of BLIS (Van Zee and van de Geijn, 2015).
//
// A task owns a block of the result, [row tiles x columns], and runs through all of k in a fixed order, so the result
// is the same for any number of threads. Neighbouring tasks of a thread are done as one piece. For each stretch of k a
// piece packs the right operand's columns into panels, the left operand's rows into tiles unless they can be read in
// place, and lets micro-kernels run over tiles and panels. If nothing is left to do with the product they write the
// result; else they write to scratch, and after the last stretch of k the epilogue takes each tile from there while it
// is in the first cache.
#include "compiler/vectorize/CollapseAxes.h"
#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/gemm/Accumulation.h"
#include "compiler/vectorize/gemm/Blocking.h"
#include "compiler/vectorize/gemm/Epilogue.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;
using kinu::machines::Machine;

namespace {
/// What one thread does at once: rows of tiles by columns, all of k.
struct Piece {
  Value batch, columnRun, firstTile, endTile, firstColumn, columns;
  Value leftBase, rightBase, resultBase; ///< of the batch and column run; the result at the first column
  Value accumulate;                      ///< i1: the result's memory holds what the product is added to
};

/// The code of one contraction.
struct Contraction {
  Emission &e;
  const ContractionShape &shape;
  const Blocking &blocking;
  Epilogue &epilogue;
  bool staged; ///< the product goes to scratch, and from there through the epilogue
  std::optional<Accumulation> accumulation;
  Value left, right, result; ///< pointers; no result where staged
  int64_t columnTail = shape.rightOperand.columnTail(e.machine);
  bool once = blocking.sums == shape.sums(); ///< k has one round
  // The thread's scratch, in elements: panels, packed rows, and where staged a block of the product.
  int64_t mostColumns = std::min(blocking.mostColumns, shape.columns()); ///< of a piece
  int64_t panelElements = packedElements(e.machine, blocking.sums, mostColumns);
  int64_t leftElements = blocking.packLeft ? blocking.tilesPerPack * shape.tiles.rows * blocking.sums : 0;
  int64_t blockRow = llvm::alignTo(mostColumns, e.lanes);
  int64_t blockElements = staged ? (once ? 1 : blocking.tilesPerTask) * shape.tiles.rows * blockRow : 0;

  int64_t scratchBytes() const { return 4 * (panelElements + llvm::alignTo(leftElements, e.lanes) + blockElements); }
  Value packedLeft() { return e.address(e.scratch, e.getF32Type(), e.i64(panelElements)); }
  Value block() {
    return e.address(e.scratch, e.getF32Type(), e.i64(panelElements + llvm::alignTo(leftElements, e.lanes)));
  }
  void tasks();
  void line(Value number, Value from, Value to);
  void piece(Value outer, Value firstTile, Value endTile, Value firstColumn, Value endColumn);
  void findOldResult(Piece &piece, Value offset);
  void rows(const Piece &piece, Value firstSum, Value sums);
  void multiply(const Piece &piece, Value firstTile, Value endTile, const LeftOperand &operand, Value firstSum,
                Value sums);
  Value placeInBlock(const Piece &piece, Value tile);
  void finish(const Piece &piece, Value tile, Value firstColumn, Value columns);
  Value plus(Value pointer, Value offset) { return e.address(pointer, e.getF32Type(), offset); }
};
} // namespace

/// Where a tile's product lies in the block in scratch: with one round of k each tile is finished at once.
Value Contraction::placeInBlock(const Piece &piece, Value tile) {
  if (once)
    return e.i64(0);
  return e.mul(arith::SubIOp::create(e, tile, piece.firstTile), shape.tiles.rows * blockRow);
}

void Contraction::finish(const Piece &piece, Value tile, Value firstColumn, Value columns) {
  ProductBlock product;
  product.base = plus(block(), e.add(placeInBlock(piece, tile), firstColumn));
  product.rowStride = blockRow;
  product.batch = piece.batch;
  product.columnRun = piece.columnRun;
  product.firstRow = shape.tiles.firstRow(e, tile);
  product.rows = shape.tiles.rowsOf(e, tile);
  product.firstColumn = e.add(piece.firstColumn, firstColumn);
  product.columns = columns;
  epilogue.emit(product);
}

/// Tiles whose left operand is ready, for one stretch of k.
void Contraction::multiply(const Piece &piece, Value firstTile, Value endTile, const LeftOperand &operand,
                           Value firstSum, Value sums) {
  RowTiles tiles = shape.tiles;
  Value accumulate = arith::CmpIOp::create(e, arith::CmpIPredicate::ne, firstSum, e.i64(0));
  if (piece.accumulate)
    accumulate = arith::OrIOp::create(e, accumulate, piece.accumulate);
  ResultBlock to{staged ? block() : piece.resultBase, accumulate};
  if (staged) {
    tiles.resultRow = blockRow;
    to.place = [&](Value tile) { return placeInBlock(piece, tile); };
    to.finish = [&](Value tile, Value firstColumn, Value columns) {
      if (once)
        return finish(piece, tile, firstColumn, columns);
      Value isLast = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, e.add(firstSum, sums), e.i64(shape.sums()));
      e.ifThen(isLast, [&] { finish(piece, tile, firstColumn, columns); });
    };
  }
  multiplyBlock(e, tiles, firstTile, endTile, operand, e.scratch, sums, piece.columns, columnTail, to, blocking.order);
}

/// All rows of a piece for one stretch of k whose panels are packed.
void Contraction::rows(const Piece &piece, Value firstSum, Value sums) {
  if (!blocking.packLeft) {
    LeftOperand operand{plus(piece.leftBase, shape.leftSum.offset(e, firstSum)), false, shape.leftSum.stride()};
    return multiply(piece, piece.firstTile, piece.endTile, operand, firstSum, sums);
  }
  e.loop(piece.firstTile, piece.endTile, blocking.tilesPerPack, [&](Value first) {
    Value end = e.smaller(e.add(first, blocking.tilesPerPack), piece.endTile);
    packLeft(e, shape.tiles, shape.leftSum, piece.leftBase, packedLeft(), first, end, firstSum, sums);
    multiply(piece, first, end, {packedLeft(), true}, firstSum, sums);
  });
}

/// Decides whether the piece is added to something, and brings that to the result's memory if it lies elsewhere.
void Contraction::findOldResult(Piece &piece, Value offset) {
  piece.accumulate = e.i1(true);
  if (accumulation->skip) {
    Value skip = e.load(e.getI8Type(), e.operands[*accumulation->skip], e.i64(0));
    piece.accumulate = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, skip, e.constantInt(e.getI8Type(), 0));
  }
  Value old = e.operands[accumulation->old];
  Value elsewhere = LLVM::ICmpOp::create(e, LLVM::ICmpPredicate::ne, old, result);
  e.ifThen(arith::AndIOp::create(e, piece.accumulate, elsewhere), [&] {
    Value from = plus(old, offset);
    e.loop(piece.firstTile, piece.endTile, 1, [&](Value tile) {
      Value place = shape.tiles.resultOffset(e, tile);
      copyOut(e, plus(from, place), shape.tiles.resultRow, shape.tiles.rowsOf(e, tile), plus(piece.resultBase, place),
              shape.tiles.resultRow, shape.resultColumns, e.i64(0), piece.columns);
    });
  });
}

void Contraction::piece(Value outer, Value firstTile, Value endTile, Value firstColumn, Value endColumn) {
  int64_t columnRuns = shape.resultColumnRuns.length();
  Piece piece;
  piece.columnRun = e.rem(outer, columnRuns);
  piece.batch = e.div(outer, columnRuns);
  piece.firstTile = firstTile;
  piece.endTile = endTile;
  piece.firstColumn = firstColumn;
  piece.columns = arith::SubIOp::create(e, endColumn, firstColumn);
  piece.leftBase = plus(left, shape.leftBatch.offset(e, piece.batch));
  piece.rightBase =
      plus(right, e.add(shape.rightBatch.offset(e, piece.batch), shape.rightColumnRuns.offset(e, piece.columnRun)));
  if (!staged) {
    Value runs = e.add(shape.resultBatch.offset(e, piece.batch), shape.resultColumnRuns.offset(e, piece.columnRun));
    Value offset = e.add(runs, firstColumn);
    piece.resultBase = plus(result, offset);
    if (accumulation)
      findOldResult(piece, offset);
  }
  e.loop(e.i64(0), e.i64(shape.sums()), blocking.sums, [&](Value firstSum) {
    Value sums = e.smaller(arith::SubIOp::create(e, e.i64(shape.sums()), firstSum), e.i64(blocking.sums));
    packRight(e, shape.rightOperand, piece.rightBase, e.scratch, firstSum, sums, firstColumn, piece.columns);
    rows(piece, firstSum, sums);
  });
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

/// The one dot of a contraction, or null.
static DotOp dotOf(step::KernelOp kernel) {
  auto dots = kernel.getBody().front().getOps<DotOp>();
  return llvm::hasSingleElement(dots) ? *dots.begin() : DotOp();
}

llvm::Expected<Lowered> kinu::vectorize::lowerContraction(step::KernelOp original, const Machine &machine) {
  OwningOpRef<step::KernelOp> owned = original.clone();
  step::KernelOp kernel = *owned;
  collapseAxes(kernel);
  DotOp dot = dotOf(kernel);
  if (!dot)
    return llvm::createStringError("contraction `" + kernel.getSymName() + "` does not hold one kinu.dot");
  auto lhs = dyn_cast<BlockArgument>(dot.getLhs()), rhs = dyn_cast<BlockArgument>(dot.getRhs());
  if (!lhs || !rhs)
    return llvm::createStringError("contraction `" + kernel.getSymName() + "` is not on the kernel's operands");

  ContractionShape shape = analyseContraction(typeOf(lhs), typeOf(rhs), dot.getType(), dot.getOver());
  shape.tiles.rows = std::min(shape.tiles.run, rowsPerBlock(machine, shape.columns()));
  Emission e(kernel, machine);
  Epilogue epilogue(e, kernel, dot, shape);
  std::optional<Accumulation> accumulation = findAccumulation(kernel, dot);
  bool staged = shape.scattered || !(epilogue.isPlain() || accumulation);
  Blocking blocking = chooseBlocking(shape, machine, staged);
  unsigned operands[] = {lhs.getArgNumber(), rhs.getArgNumber()};
  Contraction code{e,
                   shape,
                   blocking,
                   epilogue,
                   staged,
                   staged ? std::nullopt : accumulation,
                   e.operands[operands[shape.left]],
                   e.operands[operands[shape.right]],
                   staged ? Value() : e.results[0]};
  code.tasks();
  if (Operation *op = epilogue.unsupported())
    return llvm::createStringError("contraction `" + kernel.getSymName() + "` cannot hold " +
                                   op->getName().getStringRef());
  Lowered lowered;
  lowered.tasks = blocking.tasks(shape);
  lowered.scratchBytes = code.scratchBytes();
  lowered.operations = shape.operations() + epilogue.operations();
  auto module = e.finish();
  if (!module)
    return module.takeError();
  lowered.module = std::move(*module);
  return lowered;
}
