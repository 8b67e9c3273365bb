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
  Value lhs, rhs, result, k, accumulate;

  /// One step of k at offset `step` from the pointers.
  SmallVector<Value> multiply(Value lhsAt, Value rhsAt, int64_t step, ValueRange sums);
  SmallVector<Value> sumOverK();
  void writeBack(ArrayRef<Value> sums);
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

void Body::writeBack(ArrayRef<Value> sums) {
  int64_t tail = shape.columns % e.lanes;
  auto write = [&](bool add) {
    for (int64_t row = 0; row < shape.rows; ++row)
      for (int64_t v = 0; v < vectors; ++v) {
        Value mask = tail && v == vectors - 1 ? e.firstLanes(tail) : Value();
        Value place = e.i64(row * shape.resultRow + v * e.lanes);
        Value sum = sums[row * vectors + v];
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

static LLVM::LLVMFuncOp microKernel(Emission &e, const MicroKernel &shape) {
  auto module = e.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  std::string name = llvm::formatv("micro_{0}x{1}_{2}_{3}_{4}_{5}", shape.rows, shape.columns, shape.lhsRow,
                                   shape.lhsSum, shape.rhsSum, shape.resultRow);
  if (auto made = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return made;
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToEnd(module.getBody());
  Type pointer = e.pointerType();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(e.getContext()),
                                          {pointer, pointer, pointer, e.getI64Type(), e.getI1Type()});
  auto function = LLVM::LLVMFuncOp::create(e, name, type, LLVM::Linkage::Internal);
  // Inlined, the loops around it would compete for the registers.
  function.setNoInline(true);
  Block *entry = function.addEntryBlock(e);
  e.setInsertionPointToStart(entry);
  Body body{e,
            shape,
            int64_t(llvm::divideCeil(shape.columns, e.lanes)),
            entry->getArgument(0),
            entry->getArgument(1),
            entry->getArgument(2),
            entry->getArgument(3),
            entry->getArgument(4)};
  body.writeBack(body.sumOverK());
  LLVM::ReturnOp::create(e, ValueRange());
  return function;
}

void kinu::vectorize::callMicroKernel(Emission &e, const MicroKernel &shape, Value lhs, Value rhs, Value result,
                                      Value k, Value accumulate) {
  LLVM::CallOp::create(e, microKernel(e, shape), ValueRange{lhs, rhs, result, k, accumulate});
}
