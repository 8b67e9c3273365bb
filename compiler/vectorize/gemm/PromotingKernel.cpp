// The register block of a matrix product in fp16.
#include "compiler/vectorize/gemm/PromotingKernel.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace kinu::vectorize;

void kinu::vectorize::callPromotingKernel(Emission &e, const MicroKernel &shape, int64_t promote, Value lhs, Value rhs,
                                          Value result, Value k, Value accumulate) {
  std::string name = llvm::formatv("promoting_{0}x{1}_{2}_{3}_{4}_{5}_{6}", shape.rows, shape.columns, shape.lhsRow,
                                   shape.lhsSum, shape.rhsSum, shape.resultRow, promote);
  e.callOwn(name, {lhs, rhs, result, k, accumulate}, [&](ArrayRef<BlockArgument> given) {
    e.loop(e.i64(0), given[3], promote, [&](Value first) {
      Value isLater = arith::CmpIOp::create(e, arith::CmpIPredicate::ne, first, e.i64(0));
      Value end = e.smaller(e.add(first, promote), given[3]);
      SmallVector<Value> sums = sumBlock(e, shape, e.getF16Type(), given[0], given[1], first, end);
      storeBlock(e, shape, sums, given[2], arith::OrIOp::create(e, given[4], isLater));
    });
  });
}
