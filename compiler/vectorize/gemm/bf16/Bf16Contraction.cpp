// The nest of a product of bf16: pieces, rounds of k whose right operand is packed for the second cache, tiles of 32
// rows, blocks of k, panels of 32 columns, and k in steps of 32, with the sums of 32 x 32 results in registers. All of
// it is in one function without calls.
#include "compiler/vectorize/gemm/bf16/Bf16Contraction.h"

#include "compiler/vectorize/gemm/bf16/Bf16Blocking.h"
#include "compiler/vectorize/gemm/bf16/Bf16Packing.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace kinu::vectorize;
using namespace kinu::vectorize::bf16;

namespace {
/// A tile of rows for one block of k.
struct Stripe {
  PieceOfProduct piece;
  Value tile, rows;    ///< number of the tile of rows, and how many it has
  Value resultRows;    ///< pointer to its first row in the result, at the column run's beginning; null where staged
  Value firstSum;      ///< of the block of k
  Value nextLeft;      ///< where the next block of the left operand lies; null if that is not known
  Value accumulate;    ///< i1: something was summed up before
  Value last;          ///< i1: it is the last one
  LeftRows left;       ///< of this block of k
  Value panels, steps; ///< the packed right operand of this block; its k in tiles
  Value panelBytes;    ///< from one panel to the next
};

struct Nest {
  Emission &e;
  const ContractionShape &shape;
  const Bf16Blocking &blocking;
  Value left, right;
  ResultKind kind;
  Epilogue &epilogue;
  std::optional<Accumulation> accumulation;
  Unit unit = unitOf(e.machine);
  // What is not summed up in place is in scratch: a block of 32 x 32 if k is one block and nothing but rounding is to
  // be done, a stripe of 32 rows if k is one round, else the whole piece.
  bool direct = kind == ResultKind::InPlace, staged = kind == ResultKind::Staged;
  bool oneBlock = blocking.isOneBlock(shape), oneRound = blocking.rounds(shape) == 1;
  int64_t blockRow = direct || (oneBlock && !staged) ? kBlockColumns : blocking.pieces.mostColumns + kTileColumns;
  int64_t stripes = direct || oneRound ? 1 : blocking.pieces.tilesPerTask;
  int64_t rowTail = shape.tiles.tail(), columnTail = shape.columns() % kBlockColumns;
  bool leftIsAlwaysWhole = !rowTail && shape.sums() % kTileSums == 0;
  // The thread's scratch, in bytes.
  int64_t panelsEnd = paddedSums(std::min(shape.sums(), blocking.pieces.sums)) * blocking.pieces.mostColumns * 2;
  // A copy of the left operand: of dot products, with rows that do not lie a multiple of 4 KiB apart.
  int64_t leftRow = blocking.blockSums + (unit == Unit::Pairs ? kTileSums : 0);
  int64_t leftEnd =
      panelsEnd + (blocking.pieces.left == LeftReading::Packed || !leftIsAlwaysWhole ? kBlockRows * leftRow * 2 : 0);
  int64_t blockEnd = leftEnd + stripes * kBlockRows * blockRow * 4;

  Value bytes(Value pointer, Value count) { return e.address(pointer, e.getI8Type(), count); }
  Value notZero(Value x) { return arith::CmpIOp::create(e, arith::CmpIPredicate::ne, x, e.i64(0)); }
  Value minus(Value x, Value y) { return e.createOrFold<arith::SubIOp>(x, y); }

  void piece(const PieceOfProduct &piece);
  void withLeft(Value base, Value tile, SumRange sums, llvm::function_ref<void(const LeftRows &)> body);
  void panel(const Stripe &stripe, Value number, Value column);
  Value scratchRows(const Stripe &stripe, Value column);
  Value isEdge(const Stripe &stripe, Value columns);
  void finish(const Stripe &stripe);
  void writeOut(const Stripe &stripe, Value from, Value column, Value columns, Value accumulate);
  void prefetchBlock(Value to, Value rowBytes, int64_t bytesOfRow, const Moment &moment);
  Value nextLeft(const Stripe &stripe, Value base, SumRange sums, Value inRound, Value ofRound);
  void prefetchLeft(const Stripe &stripe, Value panel, const Moment &moment);
};
} // namespace

/// Starts to fetch, for writing, some lines of a block at `to` whose rows are `rowBytes` apart: all of them in a block
/// of k.
void Nest::prefetchBlock(Value to, Value rowBytes, int64_t bytesOfRow, const Moment &moment) {
  int64_t rowsPerStep = llvm::divideCeil(kBlockRows, blocking.blockSums / kTileSums);
  for (int64_t i = moment.first(rowsPerStep); i < moment.end(rowsPerStep); ++i) {
    Value row = e.rem(e.add(e.mul(moment.step, rowsPerStep), i), kBlockRows);
    for (int64_t byte = 0; byte < bytesOfRow; byte += kLineBytes)
      e.fetchToWrite(bytes(to, e.add(e.mul(row, rowBytes), byte)));
  }
}

/// Where the block of the left operand lies that comes after k in `sums`: the next of the same rows, or the first of
/// the next rows. `inRound` is the block's first k counted from the round's, which has `ofRound`.
Value Nest::nextLeft(const Stripe &stripe, Value base, SumRange sums, Value inRound, Value ofRound) {
  bool isEven = shape.leftSum.uniform() && (shape.leftSum.stride() == 1 || shape.tiles.leftRow == 1);
  if (!isEven)
    return {};
  Value isLast = arith::CmpIOp::create(e, arith::CmpIPredicate::sge, e.add(inRound, sums.count), ofRound);
  Value sum = arith::SelectOp::create(e, isLast, minus(sums.first, inRound), e.add(sums.first, sums.count));
  Value tile = e.add(stripe.tile, arith::ExtUIOp::create(e, e.getI64Type(), isLast));
  return e.address(base, shape.element, e.add(shape.tiles.leftOffset(e, tile), shape.leftSum.offset(e, sum)));
}

/// Starts to fetch some lines of the next block of the left operand into the second cache: all of them while the panels
/// of this one pass.
void Nest::prefetchLeft(const Stripe &stripe, Value panel, const Moment &moment) {
  int64_t columns = blocking.pieces.rowsFastest ? blocking.pieces.columns : blocking.pieces.mostColumns;
  int64_t linesPerStep = llvm::divideCeil(kBlockRows, llvm::divideCeil(columns, kBlockColumns));
  // A line holds 32 numbers: of k in a row, or of rows at one k.
  bool alongSums = shape.leftSum.stride() == 1;
  int64_t line = 2 * (alongSums ? shape.tiles.leftRow : shape.leftSum.stride());
  int64_t perStep = alongSums ? kTileBytes : kTileSums * line;
  Value first = e.smaller(e.mul(panel, linesPerStep), e.i64(kBlockRows - linesPerStep));
  Value from = bytes(stripe.nextLeft, e.add(e.mul(first, line), e.mul(moment.step, perStep)));
  for (int64_t i = moment.first(linesPerStep); i < moment.end(linesPerStep); ++i)
    e.fetch(bytes(from, e.i64(i * line)), 2);
}

/// Emits `body` for the left operand of a tile of rows and a block of k: in place if it can be, and has whole tiles;
/// else copied. Where only some are copied there is code for either: dot products want strides that are constants.
void Nest::withLeft(Value base, Value tile, SumRange sums, llvm::function_ref<void(const LeftRows &)> body) {
  auto onCopy = [&] {
    Value packed = bytes(e.scratch, e.i64(panelsEnd));
    packLeft(e, shape.tiles, shape.leftSum, base, packed, leftRow, tile, sums);
    if (packsLeftInPairs(e.machine, shape.tiles, shape.leftSum))
      body({{packed, e.i64(4)}, 4 * kBlockRows});
    else
      body({{packed, e.i64(2 * leftRow)}});
  };
  auto inPlace = [&] {
    Value offset = e.add(shape.tiles.leftOffset(e, tile), shape.leftSum.offset(e, sums.first));
    body({{e.address(base, shape.element, offset), e.i64(2 * shape.tiles.leftRow)}});
  };
  if (blocking.pieces.left == LeftReading::Packed)
    return onCopy();
  if (leftIsAlwaysWhole)
    return inPlace();
  Value isCut = arith::OrIOp::create(
      e, arith::CmpIOp::create(e, arith::CmpIPredicate::ne, shape.tiles.rowsOf(e, tile), e.i64(kBlockRows)),
      notZero(e.rem(sums.count, kTileSums)));
  e.either(isCut, [&](bool cut) { cut ? onCopy() : inPlace(); });
}

/// Where the rows of a stripe lie in scratch, at a column of the piece.
Value Nest::scratchRows(const Stripe &stripe, Value column) {
  Value elements = e.i64(0);
  if (stripes > 1)
    elements = e.mul(minus(stripe.tile, stripe.piece.firstTile), kBlockRows * blockRow);
  if (blockRow != kBlockColumns)
    elements = e.add(elements, column);
  return e.address(bytes(e.scratch, e.i64(leftEnd)), e.getF32Type(), elements);
}

/// Whether a block is not whole; null if all are.
Value Nest::isEdge(const Stripe &stripe, Value columns) {
  if (!rowTail && !columnTail)
    return {};
  Value all = e.smaller(stripe.rows, columns);
  return arith::CmpIOp::create(e, arith::CmpIPredicate::slt, all, e.i64(kBlockRows));
}

/// Copies a block of at most 32 columns from scratch to the result, from `column` of the column run on.
void Nest::writeOut(const Stripe &stripe, Value from, Value column, Value columns, Value accumulate) {
  e.loop(e.i64(0), stripe.rows, 1, [&](Value row) {
    Value source = e.address(from, e.getF32Type(), e.mul(row, blockRow));
    Value place = e.add(e.mul(row, shape.tiles.resultRow), column);
    for (int64_t lane = 0; lane < kBlockColumns; lane += e.lanes) {
      Value mask = columnTail || accumulate ? e.firstLanes(minus(columns, e.i64(lane))) : Value();
      Value sum = e.loadVector(e.getF32Type(), source, e.i64(lane)), to = e.add(place, lane);
      if (accumulate) {
        Value there = e.loadVector(e.getF32Type(), stripe.resultRows, to, mask);
        sum = arith::SelectOp::create(e, accumulate, arith::AddFOp::create(e, sum, there), sum);
      }
      e.storeVector(e.toFormat(sum, shape.resultElement), stripe.resultRows, to, mask);
    }
  });
}

/// One panel of a stripe: `number` among the piece's, from `column` of the piece on.
void Nest::panel(const Stripe &stripe, Value number, Value column) {
  Value panelAt = bytes(stripe.panels, e.mul(number, stripe.panelBytes));
  Value resultColumn = e.add(stripe.piece.firstColumn, column);
  Value columns = e.smaller(minus(stripe.piece.endColumn, resultColumn), e.i64(kBlockColumns));
  Value inResult = staged ? Value() : e.address(stripe.resultRows, shape.resultElement, resultColumn);
  Value inScratch = scratchRows(stripe, column);
  Value edge = direct ? isEdge(stripe, columns) : Value();
  Place to{inScratch, e.i64(4 * blockRow)};
  Value accumulate = stripe.accumulate;
  if (direct) {
    Place whole{inResult, e.i64(4 * shape.tiles.resultRow)};
    if (edge) {
      to = {arith::SelectOp::create(e, edge, to.pointer, whole.pointer),
            arith::SelectOp::create(e, edge, to.stride, whole.stride)};
      Value isWhole = arith::XOrIOp::create(e, edge, e.i1(true));
      accumulate = arith::AndIOp::create(e, accumulate, isWhole);
    } else {
      to = whole;
    }
  }
  // What is summed up in the result is read at once: its lines are fetched while the panel before is multiplied.
  Value ahead = direct ? e.address(inResult, shape.resultElement, e.i64(kBlockColumns)) : inResult;
  int64_t elementBytes = shape.resultElement.getIntOrFloatBitWidth() / 8;
  Value rowBytes = e.i64(shape.tiles.resultRow * elementBytes);
  if (!staged && !direct && !oneBlock) // The result is written in the last block of k: before, this fetches one line.
    rowBytes = arith::SelectOp::create(e, stripe.last, rowBytes, e.i64(0));
  // Sums of a whole piece do not stay in the first cache from one block of k to the next.
  Value sumsAhead = e.address(inScratch, e.getF32Type(), e.i64(kBlockColumns));
  auto prefetch = [&](const Moment &moment) {
    if (!staged)
      prefetchBlock(ahead, rowBytes, kBlockColumns * elementBytes, moment);
    if (stripes > 1)
      prefetchBlock(sumsAhead, e.i64(blockRow * 4), kBlockColumns * 4, moment);
    if (stripe.nextLeft)
      prefetchLeft(stripe, number, moment);
  };
  BlockProduct block{stripe.left,
                     {panelAt, kTileBytes, kTileRows * kTileBytes, 2 * kTileRows * kTileBytes},
                     stripe.steps,
                     to,
                     oneBlock && !accumulation ? Value() : accumulate};
  if (unit == Unit::Tiles)
    multiplyOnTiles(e, block, prefetch);
  else
    multiplyInPairs(e, block, prefetch);
  if (edge)
    return e.ifThen(edge, [&] { writeOut(stripe, inScratch, resultColumn, columns, stripe.accumulate); });
  if (kind == ResultKind::Rounded)
    e.ifThen(stripe.last, [&] { writeOut(stripe, inScratch, resultColumn, columns, {}); });
}

/// All columns of a stripe that is summed up, through the epilogue.
void Nest::finish(const Stripe &stripe) {
  ProductBlock product;
  product.base = scratchRows(stripe, e.i64(0));
  product.rowStride = blockRow;
  product.batch = stripe.piece.batch;
  product.columnRun = stripe.piece.columnRun;
  product.firstRow = shape.tiles.firstRow(e, stripe.tile);
  product.rows = stripe.rows;
  product.firstColumn = stripe.piece.firstColumn;
  product.columns = minus(stripe.piece.endColumn, stripe.piece.firstColumn);
  epilogue.emit(product);
}

void Nest::piece(const PieceOfProduct &piece) {
  Value columns = minus(piece.endColumn, piece.firstColumn);
  Value panels = e.div(e.add(columns, kBlockColumns - 1), kBlockColumns);
  Value leftBase = e.address(left, shape.element, shape.leftBatch.offset(e, piece.batch));
  Value rightBase =
      e.address(right, shape.element,
                e.add(shape.rightBatch.offset(e, piece.batch), shape.rightColumnRuns.offset(e, piece.columnRun)));
  Value resultBase, addsToOld;
  if (!staged)
    resultBase =
        e.address(e.results[0], shape.resultElement,
                  e.add(shape.resultBatch.offset(e, piece.batch), shape.resultColumnRuns.offset(e, piece.columnRun)));
  if (accumulation)
    addsToOld = findOldResult(e, *accumulation, shape, piece);
  e.loop(e.i64(0), e.i64(shape.sums()), blocking.pieces.sums, [&](Value firstOfRound) {
    Value ofRound = e.smaller(minus(e.i64(shape.sums()), firstOfRound), e.i64(blocking.pieces.sums));
    packRight(e, shape.rightOperand, rightBase, e.scratch, {firstOfRound, ofRound}, piece.firstColumn, columns);
    e.loop(piece.firstTile, piece.endTile, 1, [&](Value tile) {
      Stripe stripe;
      stripe.piece = piece;
      stripe.tile = tile;
      stripe.rows = shape.tiles.rowsOf(e, tile);
      if (!staged)
        stripe.resultRows = e.address(resultBase, shape.resultElement, shape.tiles.resultOffset(e, tile));
      stripe.panelBytes = e.mul(paddedSums(e, ofRound), 2 * kBlockColumns);
      e.loop(e.i64(0), ofRound, blocking.blockSums, [&](Value inRound) {
        stripe.firstSum = e.add(firstOfRound, inRound);
        Value count = e.smaller(minus(ofRound, inRound), e.i64(blocking.blockSums));
        stripe.accumulate = notZero(stripe.firstSum);
        if (addsToOld)
          stripe.accumulate = arith::OrIOp::create(e, stripe.accumulate, addsToOld);
        stripe.last =
            arith::CmpIOp::create(e, arith::CmpIPredicate::eq, e.add(stripe.firstSum, count), e.i64(shape.sums()));
        stripe.nextLeft = nextLeft(stripe, leftBase, {stripe.firstSum, count}, inRound, ofRound);
        stripe.steps = e.div(e.add(count, kTileSums - 1), kTileSums);
        stripe.panels = bytes(e.scratch, e.mul(inRound, 2 * kBlockColumns));
        withLeft(leftBase, tile, {stripe.firstSum, count}, [&](const LeftRows &left) {
          stripe.left = left;
          e.loop(e.i64(0), panels, 1, [&](Value number) { panel(stripe, number, e.mul(number, kBlockColumns)); });
        });
        if (staged)
          e.ifThen(stripe.last, [&] { finish(stripe); });
      });
    });
  });
}

Product kinu::vectorize::bf16::emitProduct(Emission &e, const ContractionShape &shape, Value left, Value right,
                                           ResultKind kind, Epilogue &epilogue,
                                           std::optional<Accumulation> accumulation) {
  Bf16Blocking blocking = chooseBf16Blocking(shape, e.machine, /*keepsPieces=*/kind != ResultKind::InPlace);
  // Else LLVM makes calls of memcpy from some loops, and tiles have to be configured again after a call.
  auto module = e.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    function.setPassthroughAttr(e.getStrArrayAttr({"no-builtins"}));
  Nest nest{e, shape, blocking, left, right, kind, epilogue, accumulation};
  forEachPiece(e, shape, blocking.pieces, [&](const PieceOfProduct &piece) { nest.piece(piece); });
  return {blocking.pieces.tasks(shape), nest.blockEnd};
}
