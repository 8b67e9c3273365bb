// Kernels of one `kinu.attention`.
//
// A task takes one outer index (batch, head) and a range of queries. It packs keys and values once, then for each block
// of queries: all raw scores by a matrix product into scratch; rows through the score region and softmax; the result by
// another product. Scratch is linear in the number of keys. Keys that a causal mask hides from a whole block are left
// out.
#include "compiler/vectorize/Math.h"
#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/attention/AttentionBlocks.h"
#include "compiler/vectorize/attention/KeyLimit.h"
#include "compiler/vectorize/attention/Operands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;
using kinu::machines::Machine;

/// Tasks that keep any usual number of threads evenly busy.
static constexpr int64_t kTasksWanted = 24;

namespace {
/// The code of one forward attention.
struct Forward {
  AttentionBlocks &blocks;
  AttentionOp op;
  Value q, k, v, result, logsumexp; ///< pointers; `logsumexp` is null if nobody wants it
  Emission &e = blocks.e;
  const AttentionShape &shape = blocks.shape;
  AttentionShape::Matrix statistics = shape.matrix(op.getLogsumexp().getType(), shape.query, {});
  Value keys = blocks.reserve(packedElements(e.machine, shape.sums(), shape.key.length));
  Value values = blocks.reserve(packedElements(e.machine, shape.key.length, shape.values()));
  Value scores = blocks.reserve(blocks.blockQueries * blocks.scoreRow);
  Value spare = blocks.reserve(blocks.blockQueries * blocks.rowElements(shape.values()));

  void task(Value outer, Value first, Value end);
  void softmaxRow(const QueryBlock &block, Value row);
  Value at(Value pointer, const AttentionShape::Matrix &matrix, Value outer) {
    return e.address(pointer, e.getF32Type(), matrix.outer.offset(e, outer));
  }
};
} // namespace

static Value greater(Emission &e, Value x, Value y) {
  return arith::CmpFOp::create(e, arith::CmpFPredicate::OGT, x, y);
}

static Value choose(Emission &e, Value condition, Value yes, Value no) {
  return arith::SelectOp::create(e, condition, yes, no);
}

/// Replaces a row of raw scores by probabilities; all 0 if the mask hides every key.
void Forward::softmaxRow(const QueryBlock &block, Value row) {
  Evaluator::Scope scope(blocks.evaluator);
  Region &region = op.getScore();
  Value final = region.front().getTerminator()->getOperand(0);
  Value line = e.address(scores, e.getF32Type(), e.mul(row, blocks.scoreRow));
  Point point = blocks.queryPoint(block, row);
  Value lowest = e.f32(-std::numeric_limits<double>::infinity());

  auto maximum = blocks.overKeys(block, e.splat(lowest), [&](Value key, Value mask, ValueRange carried) {
    Point lanes = point;
    lanes[shape.key.name] = Index::lanesFrom(key, e.lanes);
    blocks.evaluator.define(region.getArgument(0), lanes, e.loadVector(e.getF32Type(), line, key, mask));
    Value score = e.splat(blocks.evaluator.evaluate(final, lanes, mask));
    e.storeVector(score, line, key, mask);
    Value here = mask ? choose(e, mask, score, e.splat(lowest)) : score;
    return SmallVector<Value>{choose(e, greater(e, here, carried[0]), here, carried[0])};
  });
  Value most = vector::ReductionOp::create(e, vector::CombiningKind::MAXNUMF, maximum[0]);
  Value alive = greater(e, most, lowest);
  Value shift = choose(e, alive, most, e.f32(0)), shifts = e.splat(shift);

  auto sums = blocks.overKeys(block, e.splat(e.f32(0)), [&](Value key, Value mask, ValueRange carried) {
    Value score = e.loadVector(e.getF32Type(), line, key, mask);
    Value exponential = emitExp(e, arith::SubFOp::create(e, score, shifts));
    e.storeVector(exponential, line, key, mask);
    Value here = mask ? choose(e, mask, exponential, e.splat(e.f32(0))) : exponential;
    return SmallVector<Value>{Value(arith::AddFOp::create(e, here, carried[0]))};
  });
  // The lanes in any order: one after the other is slow on both machines.
  Value sum = vector::ReductionOp::create(e, vector::CombiningKind::ADD, sums[0], arith::FastMathFlags::reassoc);
  Value safe = choose(e, alive, sum, e.f32(1));
  if (logsumexp) {
    Value query = e.add(block.first, row);
    e.store(arith::AddFOp::create(e, emitLog(e, safe), shift), at(logsumexp, statistics, block.outer),
            e.mul(query, statistics.row));
  }
  Value inverse = e.splat(arith::DivFOp::create(e, e.f32(1), safe));
  blocks.overKeys(block, {}, [&](Value key, Value mask, ValueRange) -> SmallVector<Value> {
    Value exponential = e.loadVector(e.getF32Type(), line, key, mask);
    e.storeVector(arith::MulFOp::create(e, exponential, inverse), line, key, mask);
    return {};
  });
}

void Forward::task(Value outer, Value first, Value end) {
  blocks.packKeys(shape.k, at(k, shape.k, outer), keys, /*transposed=*/true);
  blocks.packKeys(shape.v, at(v, shape.v, outer), values, /*transposed=*/false);
  std::optional<int64_t> limit = keyLimit(op.getScore(), shape.query.name, shape.key.name);
  blocks.forBlocks(outer, first, end, limit, [&](const QueryBlock &block) {
    blocks.multiplyByKeys(shape.q, at(q, shape.q, outer), block, keys, scores);
    e.loop(e.i64(0), block.count, 1, [&](Value row) { softmaxRow(block, row); });
    blocks.multiplyScores(scores, block, values, shape.result, at(result, shape.result, outer), spare);
  });
}

llvm::Expected<Lowered> kinu::vectorize::lowerAttention(step::KernelOp kernel, const Machine &machine) {
  auto op = theOnly<AttentionOp>(kernel);
  if (!op)
    return llvm::createStringError("attention `" + kernel.getSymName() + "` is not one kinu.attention on its operands");
  AttentionShape shape =
      analyseAttention(op.getQ().getType(), op.getK().getType(), op.getV().getType(), op.getResult().getType(),
                       op.getSumAttr(), op.getQueryAttr(), op.getKeyAttr());
  Emission e(kernel, machine);
  AttentionBlocks blocks(e, shape);
  bindExtras(blocks.evaluator, op.getScore(), 1, operandPointers(e, op.getExtras()));
  Forward code{blocks,
               op,
               operandPointer(e, op.getQ()),
               operandPointer(e, op.getK()),
               operandPointer(e, op.getV()),
               resultPointer(e, kernel, op.getResult()),
               resultPointer(e, kernel, op.getLogsumexp())};

  int64_t blockCount = llvm::divideCeil(shape.query.length, blocks.blockQueries);
  int64_t parts = std::min(blockCount, int64_t(llvm::divideCeil(kTasksWanted, shape.outerLength())));
  int64_t queries = llvm::divideCeil(blockCount, parts) * blocks.blockQueries;
  parts = llvm::divideCeil(shape.query.length, queries);
  e.loop(e.begin, e.end, 1, [&](Value number) {
    Evaluator::Scope scope(blocks.evaluator);
    Value first = e.mul(e.rem(number, parts), queries);
    code.task(e.div(number, parts), first, e.smaller(e.add(first, queries), e.i64(shape.query.length)));
  });
  Lowered lowered;
  lowered.tasks = shape.outerLength() * parts;
  lowered.scratchBytes = blocks.scratchBytes();
  lowered.operations = 2.0 * double(shape.outerLength()) * double(shape.query.length) * double(shape.key.length) *
                       double(shape.sums() + shape.values());
  return finishAttention(e, blocks.evaluator, kernel, std::move(lowered));
}
