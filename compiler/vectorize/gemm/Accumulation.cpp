// Recognises a product that is added to a tensor, and finds what it is added to.
#include "compiler/vectorize/gemm/Accumulation.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static bool isZero(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return number && number.getValue().isZero();
}

static std::optional<unsigned> operandNumber(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument ? std::optional(argument.getArgNumber()) : std::nullopt;
}

static std::optional<Accumulation> addend(Value value) {
  if (auto old = operandNumber(value))
    return Accumulation{*old, std::nullopt};
  auto select = value.getDefiningOp<SelectOp>();
  if (!select || !isZero(select->getOperand(1)))
    return std::nullopt;
  auto skip = operandNumber(select->getOperand(0)), old = operandNumber(select->getOperand(2));
  if (!skip || !old || typeOf(select->getOperand(0)).getNumElements() != 1)
    return std::nullopt;
  return Accumulation{*old, skip};
}

std::optional<Accumulation> kinu::vectorize::findAccumulation(step::KernelOp kernel, DotOp dot) {
  auto yielded = kernel.getBody().front().getTerminator()->getOperands();
  auto sum = yielded.size() == 1 ? yielded[0].getDefiningOp<AddOp>() : AddOp();
  if (!sum || (sum.getLhs() != dot.getResult() && sum.getRhs() != dot.getResult()))
    return std::nullopt;
  std::optional<Accumulation> found = addend(sum.getLhs() == dot.getResult() ? sum.getRhs() : sum.getLhs());
  if (!found)
    return std::nullopt;
  NamedTensorType type = dot.getType();
  bool alike = typeOf(sum.getResult()) == type && typeOf(kernel.getBody().getArgument(found->old)) == type;
  // The micro-kernels read the old value when they write the new one, so nothing else may read it.
  bool mayLieThere = kernel.getInplace() == ArrayRef<int64_t>{0, int64_t(found->old)};
  return alike && type.getElement().isF32() && mayLieThere ? found : std::nullopt;
}

Value kinu::vectorize::findOldResult(Emission &e, const Accumulation &accumulation, const ContractionShape &shape,
                                     const PieceOfProduct &piece) {
  Value accumulate = e.i1(true);
  if (accumulation.skip) {
    Value skip = e.load(e.getI8Type(), e.operands[*accumulation.skip], e.i64(0));
    accumulate = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, skip, e.constantInt(e.getI8Type(), 0));
  }
  Value old = e.operands[accumulation.old];
  Value elsewhere = LLVM::ICmpOp::create(e, LLVM::ICmpPredicate::ne, old, e.results[0]);
  e.ifThen(arith::AndIOp::create(e, accumulate, elsewhere), [&] {
    Value offset = e.add(shape.resultBatch.offset(e, piece.batch), shape.resultColumnRuns.offset(e, piece.columnRun));
    auto rowsFrom = [&](Value base, Value tile) {
      Value place = e.add(e.add(offset, piece.firstColumn), shape.tiles.resultOffset(e, tile));
      return e.address(base, e.getF32Type(), place);
    };
    e.loop(piece.firstTile, piece.endTile, 1, [&](Value tile) {
      copyOut(e, rowsFrom(old, tile), shape.tiles.resultRow, shape.tiles.rowsOf(e, tile), rowsFrom(e.results[0], tile),
              shape.tiles.resultRow, shape.resultColumns, e.i64(0),
              arith::SubIOp::create(e, piece.endColumn, piece.firstColumn));
    });
  });
  return accumulate;
}
