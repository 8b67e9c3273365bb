// The register block of a matrix product in fp16.
#include "compiler/vectorize/gemm/PromotingKernel.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace kinu::vectorize;

/// Rounds of k in one round of the loop: addresses become constants of the instructions.
static constexpr int64_t kUnroll = 4;

namespace {
/// The body of a micro-kernel's function while it is written.
struct Body {
  Emission &e;
  const MicroKernel &shape;
  Value lhs, rhs;
  int64_t vectors = llvm::divideCeil(shape.columns, e.lanes);
  Type half = e.getF16Type();

  SmallVector<Value> multiply(Value lhsAt, Value rhsAt, int64_t step, ValueRange sums);
  SmallVector<Value> sumOver(Value first, Value end);
};
} // namespace

/// One step of k at offset `step` from the pointers.
SmallVector<Value> Body::multiply(Value lhsAt, Value rhsAt, int64_t step, ValueRange sums) {
  SmallVector<Value> right, next;
  for (int64_t v = 0; v < vectors; ++v)
    right.push_back(e.loadVector(half, rhsAt, e.i64(step * shape.rhsSum + v * e.lanes)));
  for (int64_t row = 0; row < shape.rows; ++row) {
    Value left = e.splat(e.load(half, lhsAt, e.i64(step * shape.lhsSum + row * shape.lhsRow)));
    for (int64_t v = 0; v < vectors; ++v)
      next.push_back(vector::FMAOp::create(e, left, right[size_t(v)], sums[size_t(row * vectors + v)]));
  }
  return next;
}

/// The sums in fp16 of k in [first, end).
SmallVector<Value> Body::sumOver(Value first, Value end) {
  SmallVector<Value> sums(size_t(shape.rows * vectors), e.constant(e.vectorOf(half), 0));
  Value count = arith::SubIOp::create(e, end, first);
  Value unrolled = e.add(first, e.mul(e.div(count, kUnroll), kUnroll));
  auto steps = [&](int64_t number) {
    return [&, number](Value i, ValueRange carried) {
      Value lhsAt = e.address(lhs, half, e.mul(i, shape.lhsSum)), rhsAt = e.address(rhs, half, e.mul(i, shape.rhsSum));
      SmallVector<Value> next(carried);
      for (int64_t step = 0; step < number; ++step)
        next = multiply(lhsAt, rhsAt, step, next);
      return next;
    };
  };
  sums = e.loop(first, unrolled, kUnroll, sums, steps(kUnroll));
  return e.loop(unrolled, end, 1, sums, steps(1));
}

void kinu::vectorize::callPromotingKernel(Emission &e, const MicroKernel &shape, int64_t promote, Value lhs, Value rhs,
                                          Value result, Value k, Value accumulate) {
  std::string name = llvm::formatv("promoting_{0}x{1}_{2}_{3}_{4}_{5}_{6}", shape.rows, shape.columns, shape.lhsRow,
                                   shape.lhsSum, shape.rhsSum, shape.resultRow, promote);
  e.callOwn(name, {lhs, rhs, result, k, accumulate}, [&](ArrayRef<BlockArgument> given) {
    Body body{e, shape, given[0], given[1]};
    e.loop(e.i64(0), given[3], promote, [&](Value first) {
      Value isLater = arith::CmpIOp::create(e, arith::CmpIPredicate::ne, first, e.i64(0));
      SmallVector<Value> sums = body.sumOver(first, e.smaller(e.add(first, promote), given[3]));
      storeBlock(e, shape, sums, given[2], arith::OrIOp::create(e, given[4], isLater));
    });
  });
}
