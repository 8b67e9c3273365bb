// The register block of a matrix product.
#include "compiler/vectorize/gemm/MicroKernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace kinu::vectorize;
using kinu::machines::Machine;

/// Steps of k in one round of the loop, at least: addresses become constants of the instructions.
static constexpr int64_t kUnroll = 4;
/// Multiply-adds in one round, at least: beside fewer the loop's own instructions would count.
static constexpr int64_t kProductsOfRound = 80;
/// Sets of accumulators for a small block, at most.
static constexpr int64_t kMostSets = 6;
/// Where rows of the left operand that come next are fetched to: the first cache is full of panels that pass.
static constexpr int kFetchLevel = 2;

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
/// The loop of a micro-kernel while it is written.
struct BlockLoop {
  Emission &e;
  const MicroKernel &shape;
  Type element;
  Value lhs, rhs;
  ForLater later = {};
  /// Where the block will be written, or null: its lines are fetched a few at a time. All at once they would take the
  /// buffers that the operands' own misses need (Zen 4: 5% of a product whose result is not in the caches).
  Value result = {};
  int64_t vectors = llvm::divideCeil(shape.columns, e.lanes), block = shape.rows * vectors;
  // A block of few accumulators would wait for each multiply-add's latency: several sets of them take turns.
  int64_t sets = std::clamp<int64_t>(e.machine.gemmRows * e.machine.gemmVectors / block, 1, kMostSets);
  int64_t unroll = sets * llvm::divideCeil(std::max(kUnroll, kProductsOfRound / block), sets);

  SmallVector<Value> multiply(Value lhsAt, Value rhsAt, int64_t step, ArrayRef<Value> sums);
  void pack(Value lhsAt, Value packedAt, int64_t step);
  SmallVector<Value> steps(Value i, int64_t count, ValueRange sums);
  SmallVector<Value> rounds(Value first, Value count, ValueRange sums);
  SmallVector<Value> roundsThatFetch(Value first, Value count, ValueRange sums);
  SmallVector<Value> sum(Value first, Value end);
};
} // namespace

/// One step of k at offset `step` from the pointers.
SmallVector<Value> BlockLoop::multiply(Value lhsAt, Value rhsAt, int64_t step, ArrayRef<Value> sums) {
  SmallVector<Value> right, next;
  for (int64_t v = 0; v < vectors; ++v)
    right.push_back(e.loadVector(element, rhsAt, e.i64(step * shape.rhsSum + v * e.lanes)));
  for (int64_t row = 0; row < shape.rows; ++row) {
    Value left = e.splat(e.load(element, lhsAt, e.i64(step * shape.lhsSum + row * shape.lhsRow)));
    for (int64_t v = 0; v < vectors; ++v)
      next.push_back(vector::FMAOp::create(e, left, right[size_t(v)], sums[size_t(row * vectors + v)]));
  }
  return next;
}

/// Leaves the rows of one step of k where they are wanted side by side.
void BlockLoop::pack(Value lhsAt, Value packedAt, int64_t step) {
  assert(shape.rows <= e.lanes);
  Value mask = shape.rows < e.lanes ? e.firstLanes(shape.rows) : Value();
  Value rows = e.loadVector(element, lhsAt, e.i64(step * shape.lhsSum), mask);
  e.storeVector(rows, packedAt, e.i64(step * later.packedRows), mask);
}

/// The pointer to which a round's broadcasts add their offsets. `ld1rw` and `ld1rh` have none below 0, but LLVM's loop
/// strength reduction, which takes them for plain loads, may choose a pointer in the middle of a round and pay a
/// subtraction for half of them: it does not look behind this.
static Value pointerOfBroadcasts(Emission &e, Value pointer) {
  return e.machine.scalable ? e.laundered(pointer) : pointer;
}

/// `count` steps of k from `i` on, which the sets take in turns.
SmallVector<Value> BlockLoop::steps(Value i, int64_t count, ValueRange sums) {
  Value lhsAt = pointerOfBroadcasts(e, e.address(lhs, element, e.mul(i, shape.lhsSum))),
        rhsAt = e.address(rhs, element, e.mul(i, shape.rhsSum));
  Value packedAt = later.packed ? e.address(later.packed, element, e.mul(i, later.packedRows)) : Value();
  SmallVector<Value> next(sums);
  for (int64_t step = 0; step < count; ++step) {
    MutableArrayRef<Value> set = MutableArrayRef<Value>(next).slice(size_t(step % sets * block), size_t(block));
    llvm::copy(multiply(lhsAt, rhsAt, step, set), set.begin());
    if (later.packed)
      pack(lhsAt, packedAt, step);
  }
  return next;
}

/// `count` rounds of `unroll` steps of k.
SmallVector<Value> BlockLoop::rounds(Value first, Value count, ValueRange sums) {
  return e.loop(first, e.add(first, e.mul(count, unroll)), unroll, sums, [&](Value i, ValueRange carried) {
    for (int64_t row = 0; later.nextLhs && row < kNextRows; ++row)
      e.fetch(e.address(later.nextLhs, element, e.add(i, row * shape.lhsRow)), kFetchLevel);
    return steps(i, unroll, carried);
  });
}

/// The same in as many parts as the result has rows, each of which fetches one of them.
SmallVector<Value> BlockLoop::roundsThatFetch(Value first, Value count, ValueRange sums) {
  auto roundsBefore = [&](Value row) { return e.div(e.mul(row, count), shape.rows); };
  return e.loop(e.i64(0), e.i64(shape.rows), 1, sums, [&](Value row, ValueRange carried) {
    for (int64_t column = 0; column < shape.columns; column += kLineBytes / 4)
      e.fetchToWrite(e.address(result, e.getF32Type(), e.add(e.mul(row, shape.resultRow), column)));
    Value before = roundsBefore(row), here = arith::SubIOp::create(e, roundsBefore(e.add(row, 1)), before);
    return rounds(e.add(first, e.mul(before, unroll)), here, carried);
  });
}

SmallVector<Value> BlockLoop::sum(Value first, Value end) {
  Value count = e.div(e.createOrFold<arith::SubIOp>(end, first), unroll);
  Value unrolled = e.add(first, e.mul(count, unroll));
  SmallVector<Value> sums(size_t(sets * block), e.constant(e.vectorOf(element), 0));
  sums = result ? roundsThatFetch(first, count, sums) : rounds(first, count, sums);
  for (int64_t other = 1; other < sets; ++other)
    for (int64_t i = 0; i < block; ++i)
      sums[size_t(i)] = arith::AddFOp::create(e, sums[size_t(i)], sums[size_t(other * block + i)]);
  sums.resize(size_t(block));
  return e.loop(unrolled, end, 1, sums, [&](Value i, ValueRange carried) { return steps(i, 1, carried); });
}

SmallVector<Value> kinu::vectorize::sumBlock(Emission &e, const MicroKernel &shape, Type element, Value lhs, Value rhs,
                                             Value first, Value end) {
  return BlockLoop{e, shape, element, lhs, rhs}.sum(first, end);
}

/// Starts to fetch the result's cache lines, which are wanted when k is through, all at once: where that is modelled
/// (A64FX), and on x86-64 for narrow blocks, which have few lines for their many rows (Zen 4: fetching row by row costs
/// 20% of a product with 16 columns and k = 16).
static void prefetchBlock(Emission &e, const MicroKernel &shape, Value result) {
  for (int64_t row = 0; row < shape.rows; ++row)
    for (int64_t column = 0; column < shape.columns; column += kLineBytes / 4)
      LLVM::Prefetch::create(e, e.address(result, e.getF32Type(), e.i64(row * shape.resultRow + column)), /*rw=*/1,
                             /*hint=*/3, /*cache=*/1);
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
  e.either(accumulate, write);
}

void kinu::vectorize::callMicroKernel(Emission &e, const MicroKernel &shape, Value lhs, Value rhs, Value result,
                                      Value k, Value accumulate, const ForLater &later) {
  std::string name = llvm::formatv("micro_{0}x{1}_{2}_{3}_{4}_{5}", shape.rows, shape.columns, shape.lhsRow,
                                   shape.lhsSum, shape.rhsSum, shape.resultRow);
  SmallVector<Value> arguments{lhs, rhs, result, k, accumulate};
  if (later.nextLhs) {
    name += "_next";
    arguments.push_back(later.nextLhs);
  }
  if (later.packed) {
    name += llvm::formatv("_packs_{0}", later.packedRows);
    arguments.push_back(later.packed);
  }
  e.callOwn(name, arguments, [&](ArrayRef<BlockArgument> given) {
    BlockLoop loop{e, shape, e.getF32Type(), given[0], given[1], later};
    size_t next = 5;
    if (later.nextLhs)
      loop.later.nextLhs = given[next++];
    if (later.packed)
      loop.later.packed = given[next++];
    if (e.isX86() && loop.vectors >= e.machine.gemmVectors)
      loop.result = given[2];
    else
      prefetchBlock(e, shape, given[2]);
    SmallVector<Value> sums = loop.sum(e.i64(0), given[3]);
    storeBlock(e, shape, sums, given[2], given[4]);
  });
}
