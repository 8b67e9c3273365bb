// See Block.h.
#include "compiler/vectorize/gemm/bf16/Block.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace kinu::vectorize;
using namespace kinu::vectorize::bf16;
using kinu::machines::Machine;

Unit kinu::vectorize::bf16::unitOf(const Machine &machine) {
  if (machine.vectorBits != 512 || !machine.isX86())
    return Unit::None;
  return machine.hasAmx ? Unit::Tiles : machine.hasBf16 ? Unit::Pairs : Unit::None;
}

static Value bytes(Emission &e, Value pointer, Value count) { return e.address(pointer, e.getI8Type(), count); }

/// The four tiles of a block at `from`, row by row.
static SmallVector<Place> quarters(Emission &e, const Place &block) {
  SmallVector<Place> places;
  Value below = bytes(e, block.pointer, e.mul(block.stride, kTileRows));
  for (Value row : {block.pointer, below})
    for (int64_t half = 0; half < 2; ++half)
      places.push_back({bytes(e, row, e.i64(half * kTileBytes)), block.stride});
  return places;
}

static SmallVector<Value> loadSums(Emission &e, Tiles &tiles, const Place &from, Value accumulate) {
  auto zeros = [&] {
    SmallVector<Value> sums;
    for (int i = 0; i < 4; ++i)
      sums.push_back(tiles.zero());
    return sums;
  };
  if (!accumulate)
    return zeros();
  SmallVector<Type> types(4, LLVM::LLVMX86AMXType::get(e.getContext()));
  auto branch = scf::IfOp::create(e, types, accumulate, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(branch.thenBlock());
  SmallVector<Value> sums;
  for (const Place &quarter : quarters(e, from))
    sums.push_back(tiles.load(quarter.pointer, quarter.stride));
  scf::YieldOp::create(e, sums);
  e.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(e, zeros());
  return SmallVector<Value>(branch.getResults());
}

void kinu::vectorize::bf16::multiplyOnTiles(Emission &e, const BlockProduct &block,
                                            llvm::function_ref<void(const Moment &)> prefetch) {
  Tiles tiles{e};
  const Panel &right = block.right;
  const Place &left = block.left.rows;
  Value below = bytes(e, left.pointer, e.mul(left.stride, kTileRows));
  Value rightStride = e.i64(right.rowBytes);
  SmallVector<Value> sums = loadSums(e, tiles, block.sums, block.accumulate);
  sums = e.loop(e.i64(0), block.steps, 1, sums, [&](Value step, ValueRange carried) {
    Value leftStep = e.mul(step, kTileBytes), rightAt = bytes(e, right.pointer, e.mul(step, right.stepBytes));
    Value upper = tiles.load(bytes(e, left.pointer, leftStep), left.stride);
    Value right0 = tiles.loadStreaming(rightAt, rightStride);
    Value right1 = tiles.loadStreaming(bytes(e, rightAt, e.i64(right.halfBytes)), rightStride);
    Value lower = tiles.load(bytes(e, below, leftStep), left.stride);
    SmallVector<Value> next;
    next.push_back(tiles.multiplyAdd(carried[0], upper, right0));
    next.push_back(tiles.multiplyAdd(carried[1], upper, right1));
    next.push_back(tiles.multiplyAdd(carried[2], lower, right0));
    next.push_back(tiles.multiplyAdd(carried[3], lower, right1));
    prefetch({step});
    return next;
  });
  for (auto [sum, quarter] : llvm::zip(sums, quarters(e, block.sums)))
    tiles.store(sum, quarter.pointer, quarter.stride);
}

/// sum[16 of f32] + the products of two bf16 each, left[16][2] right[16][2] (Intel's manual, VDPBF16PS).
static Value dotProduct(Emission &e, Value sum, Value left, Value right) {
  return LLVM::CallIntrinsicOp::create(e, sum.getType(), e.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
                                       {sum, left, right})
      .getResults();
}

namespace {
/// Some rows of a block by dot products of pairs.
struct RowGroup {
  Emission &e;
  const BlockProduct &block;
  int64_t first, count;
  /// Else LLVM keeps a panel of few k in registers from group to group, more than there are.
  Value right = e.laundered(block.right.pointer);
  VectorType pairs = VectorType::get({2 * e.lanes}, e.getBF16Type());

  /// Where a row of the group begins in `place`.
  Value row(const Place &place, int64_t number) { return bytes(e, place.pointer, e.mul(place.stride, first + number)); }
  void forVectors(llvm::function_ref<void(Value row, int64_t half)> body) {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t half = 0; half < 2; ++half)
        body(row(block.sums, i), half);
  }
  SmallVector<Value> load();
  SmallVector<Value> multiply(Value step, ValueRange sums);
};
} // namespace

SmallVector<Value> RowGroup::load() {
  bool always = block.accumulate && isConstantIntValue(block.accumulate, 1);
  SmallVector<Value> sums;
  forVectors([&](Value row, int64_t half) {
    if (!block.accumulate)
      return sums.push_back(e.splat(e.f32(0)));
    Value mask = always ? Value() : e.splat(block.accumulate);
    sums.push_back(e.loadVector(e.getF32Type(), row, e.i64(half * e.lanes), mask));
  });
  return sums;
}

/// 32 k.
SmallVector<Value> RowGroup::multiply(Value step, ValueRange sums) {
  SmallVector<Value> next(sums);
  Value rightAt = bytes(e, right, e.mul(step, block.right.stepBytes));
  Value leftStep = e.mul(step, kTileSums / 2 * block.left.pairBytes);
  SmallVector<Value> rows;
  for (int64_t i = 0; i < count; ++i)
    rows.push_back(bytes(e, row(block.left.rows, i), leftStep));
  for (int64_t pair = 0; pair < kTileSums / 2; ++pair) {
    Value right[2];
    for (int64_t half = 0; half < 2; ++half)
      right[half] = LLVM::LoadOp::create(
          e, pairs, bytes(e, rightAt, e.i64(pair * block.right.rowBytes + half * block.right.halfBytes)), 4);
    for (int64_t i = 0; i < count; ++i) {
      Value left = LLVM::BitcastOp::create(
          e, pairs,
          e.splat(e.load(e.getI32Type(), bytes(e, rows[size_t(i)], e.i64(pair * block.left.pairBytes)), e.i64(0))));
      for (int64_t half = 0; half < 2; ++half)
        next[size_t(2 * i + half)] = dotProduct(e, next[size_t(2 * i + half)], left, right[half]);
    }
  }
  return next;
}

void kinu::vectorize::bf16::multiplyInPairs(Emission &e, const BlockProduct &block,
                                            llvm::function_ref<void(const Moment &)> prefetch) {
  int64_t groups = llvm::divideCeil(kBlockRows, kGroupRows), first = 0;
  for (int64_t left = groups; left > 0; --left) {
    int64_t count = llvm::divideCeil(kBlockRows - first, left);
    RowGroup group{e, block, first, count};
    SmallVector<Value> sums = group.load();
    sums = e.loop(e.i64(0), block.steps, 1, sums, [&](Value step, ValueRange carried) {
      prefetch({step, groups - left, groups});
      return group.multiply(step, carried);
    });
    size_t next = 0;
    group.forVectors([&](Value row, int64_t half) { e.storeVector(sums[next++], row, e.i64(half * e.lanes)); });
    first += count;
  }
}
