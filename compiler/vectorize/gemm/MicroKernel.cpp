// The register block of a matrix product.
#include "compiler/vectorize/gemm/MicroKernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace kinu::vectorize;
using kinu::machines::Machine;

/// Rounds of k in one round of the loop: addresses become constants of the instructions.
static constexpr int64_t kUnroll = 4;

int64_t kinu::vectorize::columnsPerBlock(const Machine &machine) {
  return machine.gemmVectors * machine.floatsPerVector();
}

int64_t kinu::vectorize::rowsPerBlock(const Machine &machine, int64_t columns) {
  int64_t vectors = llvm::divideCeil(columns, machine.floatsPerVector());
  int64_t accumulators = machine.gemmRows * machine.gemmVectors;
  // More than 14 rows gain nothing: one broadcast for each multiply-add is then the limit.
  return vectors >= machine.gemmVectors ? machine.gemmRows : std::min<int64_t>(14, accumulators / vectors);
}

namespace {
/// The body of a micro-kernel's function while it is written.
struct Body {
  Emission &e;
  const MicroKernel &shape;
  int64_t vectors;
  Value lhs, rhs, k;

  /// One step of k at offset `step` from the pointers.
  SmallVector<Value> multiply(Value lhsAt, Value rhsAt, int64_t step, ValueRange sums);
  SmallVector<Value> sumOverK();
};
} // namespace

SmallVector<Value> Body::multiply(Value lhsAt, Value rhsAt, int64_t step, ValueRange sums) {
  SmallVector<Value> right, next;
  for (int64_t v = 0; v < vectors; ++v)
    right.push_back(e.loadVector(e.getF32Type(), rhsAt, e.i64(step * shape.rhsSum + v * e.lanes)));
  for (int64_t row = 0; row < shape.rows; ++row) {
    Value left = e.splat(e.load(e.getF32Type(), lhsAt, e.i64(step * shape.lhsSum + row * shape.lhsRow)));
    for (int64_t v = 0; v < vectors; ++v)
      next.push_back(vector::FMAOp::create(e, left, right[v], sums[row * vectors + v]));
  }
  return next;
}

SmallVector<Value> Body::sumOverK() {
  Value zero = e.splat(e.f32(0));
  SmallVector<Value> sums(shape.rows * vectors, zero);
  Value unrolled = e.mul(e.div(k, kUnroll), kUnroll);
  auto steps = [&](int64_t count) {
    return [&, count](Value i, ValueRange carried) {
      Value lhsAt = e.address(lhs, e.getF32Type(), e.mul(i, shape.lhsSum));
      Value rhsAt = e.address(rhs, e.getF32Type(), e.mul(i, shape.rhsSum));
      SmallVector<Value> next(carried);
      for (int64_t step = 0; step < count; ++step)
        next = multiply(lhsAt, rhsAt, step, next);
      return next;
    };
  };
  sums = e.loop(e.i64(0), unrolled, kUnroll, sums, steps(kUnroll));
  return e.loop(unrolled, k, 1, sums, steps(1));
}

void kinu::vectorize::storeBlock(Emission &e, const MicroKernel &shape, ArrayRef<Value> sums, Value result,
                                 Value accumulate) {
  int64_t vectors = llvm::divideCeil(shape.columns, e.lanes), tail = shape.columns % e.lanes;
  auto write = [&](bool add) {
    for (int64_t row = 0; row < shape.rows; ++row)
      for (int64_t v = 0; v < vectors; ++v) {
        Value mask = tail && v == vectors - 1 ? e.firstLanes(tail) : Value();
        Value place = e.i64(row * shape.resultRow + v * e.lanes);
        Value sum = e.toFormat(sums[row * vectors + v], e.getF32Type());
        if (add)
          sum = arith::AddFOp::create(e, sum, e.loadVector(e.getF32Type(), result, place, mask));
        e.storeVector(sum, result, place, mask);
      }
  };
  auto branch = scf::IfOp::create(e, accumulate, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(branch.thenBlock());
  write(true);
  e.setInsertionPointToStart(branch.elseBlock());
  write(false);
}

void kinu::vectorize::callMicroKernel(Emission &e, const MicroKernel &shape, Value lhs, Value rhs, Value result,
                                      Value k, Value accumulate) {
  std::string name = llvm::formatv("micro_{0}x{1}_{2}_{3}_{4}_{5}", shape.rows, shape.columns, shape.lhsRow,
                                   shape.lhsSum, shape.rhsSum, shape.resultRow);
  e.callOwn(name, {lhs, rhs, result, k, accumulate}, [&](ArrayRef<BlockArgument> given) {
    Body body{e, shape, int64_t(llvm::divideCeil(shape.columns, e.lanes)), given[0], given[1], given[3]};
    storeBlock(e, shape, body.sumOverK(), given[2], given[4]);
  });
}
