// Kernels of one `kinu.dot`: matrix products in the manner of BLIS (Van Zee and van de Geijn, 2015).
//
// A task owns a block of the result, [row tiles x columns], and runs through all of k in a fixed order, so the result
// is the same for any number of threads. Neighbouring tasks of a thread are done as one piece. For each stretch of k a
// piece packs the right operand's columns into panels, reads the left operand's rows as `LeftReading` says, and lets
// micro-kernels run over tiles and panels. If nothing is left to do with the product they write the result; else they
// write to scratch, and after the last stretch of k the epilogue takes each tile from there while it is in the first
// cache.
#include "compiler/vectorize/CollapseAxes.h"
#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/gemm/Accumulation.h"
#include "compiler/vectorize/gemm/Blocking.h"
#include "compiler/vectorize/gemm/Epilogue.h"
#include "compiler/vectorize/gemm/bf16/Bf16Contraction.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;
using kinu::machines::Machine;

namespace {
/// What one thread does at once, and where it lies.
struct Piece : PieceOfProduct {
  Value columns;
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
  int64_t leftElements = packedTiles() * shape.tiles.packedRows() * blocking.sums;
  int64_t blockRow = llvm::alignTo(mostColumns, e.lanes);
  int64_t blockElements = staged ? (once ? 1 : blocking.tilesPerTask) * shape.tiles.rows * blockRow : 0;

  int64_t packedBytes = shape.computedElement().getIntOrFloatBitWidth() / 8;
  int64_t packedEnd = packedBytes * (panelElements + int64_t(llvm::alignTo(leftElements, e.lanes)));

  /// That are in scratch at once.
  int64_t packedTiles() const {
    if (blocking.left == LeftReading::InPlace)
      return 0;
    return blocking.left == LeftReading::Packed ? blocking.tilesPerPack : 1;
  }
  int64_t scratchBytes() const { return packedEnd + 4 * blockElements; }
  Value packedLeft() { return e.address(e.scratch, shape.computedElement(), e.i64(panelElements)); }
  Value block() { return e.address(e.scratch, e.getI8Type(), e.i64(packedEnd)); }
  void piece(const PieceOfProduct &of);
  void rows(const Piece &piece, Value firstSum, Value sums);
  void multiply(const Piece &piece, Value firstTile, Value endTile, const LeftOperand &operand, Value firstSum,
                Value sums);
  Value placeInBlock(const Piece &piece, Value tile);
  void finish(const Piece &piece, Value tile, Value firstColumn, Value columns);
  Value plus(Value pointer, Value offset) { return e.address(pointer, e.getF32Type(), offset); }
  Value inOperand(Value pointer, Value offset) { return e.address(pointer, shape.element, offset); }
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
  if (blocking.left != LeftReading::Packed) {
    Value base = inOperand(piece.leftBase, shape.leftSum.offset(e, firstSum));
    LeftOperand operand{blocking.left, base, shape.leftSum.stride(), shape.promote, packedLeft()};
    return multiply(piece, piece.firstTile, piece.endTile, operand, firstSum, sums);
  }
  e.loop(piece.firstTile, piece.endTile, blocking.tilesPerPack, [&](Value first) {
    Value end = e.smaller(e.add(first, blocking.tilesPerPack), piece.endTile);
    packLeft(e, shape.tiles, shape.leftSum, piece.leftBase, packedLeft(), first, end, firstSum, sums, shape.element,
             shape.computedElement());
    multiply(piece, first, end, {LeftReading::Packed, packedLeft(), 1, shape.promote}, firstSum, sums);
  });
}

void Contraction::piece(const PieceOfProduct &of) {
  Piece piece;
  static_cast<PieceOfProduct &>(piece) = of;
  piece.columns = arith::SubIOp::create(e, of.endColumn, of.firstColumn);
  piece.leftBase = inOperand(left, shape.leftBatch.offset(e, of.batch));
  piece.rightBase =
      inOperand(right, e.add(shape.rightBatch.offset(e, of.batch), shape.rightColumnRuns.offset(e, of.columnRun)));
  if (!staged) {
    Value runs = e.add(shape.resultBatch.offset(e, of.batch), shape.resultColumnRuns.offset(e, of.columnRun));
    piece.resultBase = plus(result, e.add(runs, of.firstColumn));
    if (accumulation)
      piece.accumulate = findOldResult(e, *accumulation, shape, of);
  }
  e.loop(e.i64(0), e.i64(shape.sums()), blocking.sums, [&](Value firstSum) {
    Value sums = e.smaller(arith::SubIOp::create(e, e.i64(shape.sums()), firstSum), e.i64(blocking.sums));
    packRight(e, shape.rightOperand, piece.rightBase, e.scratch, firstSum, sums, of.firstColumn, piece.columns);
    rows(piece, firstSum, sums);
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
  bool inBf16 = bf16::multiplies(machine, shape.element);
  Machine ofElements = machine;
  if (dot.getPromote() && machine.hasFp16) {
    // All counts of lanes, and what follows from them, are of f16 then.
    ofElements.vectorBits *= 2;
    shape.promote = *dot.getPromote();
  }
  shape.rightOperand.packed = shape.computedElement();
  if (inBf16) {
    shape.tiles.rows = bf16::kBlockRows;
  } else {
    shape.tiles.rows = std::min(shape.tiles.run, rowsPerBlock(ofElements, shape.columns()));
    shape.tiles.makeLevel();
  }
  Emission e(kernel, ofElements);
  Epilogue epilogue(e, kernel, dot, shape);
  std::optional<Accumulation> accumulation = findAccumulation(kernel, dot);
  bool staged = shape.scattered || !(epilogue.isPlain() || accumulation);
  if (staged)
    accumulation = std::nullopt;
  unsigned operands[] = {lhs.getArgNumber(), rhs.getArgNumber()};
  Value left = e.operands[operands[shape.left]], right = e.operands[operands[shape.right]];
  Lowered lowered;
  lowered.operations = shape.operations() + epilogue.operations();
  lowered.tile =
      inBf16 ? llvm::formatv("{0}x{1} f32", bf16::kBlockRows, bf16::kBlockColumns).str()
             : llvm::formatv("{0}x{1} {2}", shape.tiles.rows, std::min(shape.columns(), columnsPerBlock(ofElements)),
                             shape.promote ? "f16" : "f32")
                   .str();
  if (inBf16) {
    bool onlyRounds = epilogue.isRounding() && !shape.scattered;
    auto result = onlyRounds ? bf16::ResultKind::Rounded
                  : staged   ? bf16::ResultKind::Staged
                             : bf16::ResultKind::InPlace;
    bf16::Product product = bf16::emitProduct(e, shape, left, right, result, epilogue, accumulation);
    lowered.tasks = product.tasks;
    lowered.scratchBytes = product.scratchBytes;
  } else {
    Blocking blocking = chooseBlocking(shape, ofElements, staged);
    Contraction code{e, shape, blocking, epilogue, staged, accumulation, left, right, staged ? Value() : e.results[0]};
    forEachPiece(e, shape, blocking, [&](const PieceOfProduct &piece) { code.piece(piece); });
    lowered.tasks = blocking.tasks(shape);
    lowered.scratchBytes = code.scratchBytes();
  }
  if (Operation *op = epilogue.unsupported())
    return llvm::createStringError("contraction `" + kernel.getSymName() + "` cannot hold " +
                                   op->getName().getStringRef());
  auto module = e.finish();
  if (!module)
    return module.takeError();
  lowered.module = std::move(*module);
  return lowered;
}
