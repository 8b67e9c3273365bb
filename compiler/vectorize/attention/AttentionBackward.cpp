// Kernels of one `kinu.attention_backward` (Dao et al., FlashAttention, 2022, appendix B, with whole rows of scores).
//
// A task takes the outer indices that share keys and values (batch, key head) with all their queries, so the gradients
// of k and v are sums of its own, kept in scratch and added to in a fixed order. For each block of queries it computes
// the raw scores and the gradients of the probabilities by products, goes through rows, and spreads the two blocks to
// the three gradients by products.
#include "compiler/vectorize/Math.h"
#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/attention/AttentionBlocks.h"
#include "compiler/vectorize/attention/KeyLimit.h"
#include "compiler/vectorize/attention/Operands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;
using kinu::machines::Machine;
using Matrix = AttentionShape::Matrix;

namespace {
/// A matrix with the pointer to its tensor, which is null for a gradient that nobody wants.
struct Tensor {
  Matrix matrix;
  Value pointer;
};

/// The code of one backward attention.
struct Backward {
  AttentionBlocks &blocks;
  AttentionBackwardOp op;
  Tensor q, k, v, result, logsumexp, gradient, dq, dk, dv;
  Emission &e = blocks.e;
  const AttentionShape &shape = blocks.shape;
  int64_t queries = blocks.blockQueries, keys = shape.key.length, sums = shape.sums(), values = shape.values();
  // Scratch: right operands packed, then blocks of [query, key], then sums of the gradients of k and v.
  Value keysBySums = panels(keys, sums), sumsByKeys = panels(sums, keys), valuesByKeys = panels(values, keys);
  Value queriesBySums = panels(queries, sums), queriesByValues = panels(queries, values);
  Value scores = blocks.reserve(queries * blocks.scoreRow), gradients = blocks.reserve(queries * blocks.scoreRow);
  Value spare = blocks.reserve(queries * blocks.rowElements(sums));
  Value keySums = blocks.reserve(keys * blocks.rowElements(sums));
  Value valueSums = blocks.reserve(keys * blocks.rowElements(values));

  Value panels(int64_t rows, int64_t columns) { return blocks.reserve(packedElements(e.machine, rows, columns)); }
  Value at(const Tensor &tensor, Value outer) {
    return e.address(tensor.pointer, e.getF32Type(), tensor.matrix.outer.offset(e, outer));
  }
  void task(Value group);
  void block(const QueryBlock &block);
  void row(const QueryBlock &block, Value row);
  Value delta(const QueryBlock &block, Value query);
  void clear(Value pointer, int64_t elements);
  void write(Value block, const Tensor &to, Value outer);
};
} // namespace

/// The sum over the value axes of gradient * result, at one query.
Value Backward::delta(const QueryBlock &block, Value query) {
  auto line = [&](const Tensor &tensor) {
    return e.address(at(tensor, block.outer), e.getF32Type(), e.mul(query, tensor.matrix.row));
  };
  Value left = line(gradient), right = line(result);
  auto sum = e.loop(e.i64(0), e.i64(values), 1, e.f32(0), [&](Value column, ValueRange carried) {
    Value x = e.load(e.getF32Type(), left, gradient.matrix.columns.offset(e, column));
    Value y = e.load(e.getF32Type(), right, result.matrix.columns.offset(e, column));
    // In any order: so that the loop becomes vectors.
    Value product = arith::MulFOp::create(e, x, y);
    return SmallVector<Value>{Value(arith::AddFOp::create(e, carried[0], product, arith::FastMathFlags::reassoc))};
  });
  return sum[0];
}

/// Replaces a row of raw scores by probabilities, and of their gradients by gradients of raw scores.
void Backward::row(const QueryBlock &block, Value row) {
  Evaluator::Scope scope(blocks.evaluator);
  Evaluator &evaluator = blocks.evaluator;
  Region &forward = op.getScore(), &backward = op.getScoreBackward();
  Point point = blocks.queryPoint(block, row);
  Value query = e.add(block.first, row), place = e.mul(row, blocks.scoreRow);
  Value line = e.address(scores, e.getF32Type(), place), gradientLine = e.address(gradients, e.getF32Type(), place);
  Value shift = e.load(e.getF32Type(), at(logsumexp, block.outer), e.mul(query, logsumexp.matrix.row));
  Value shifts = e.splat(shift), deltas = e.splat(delta(block, query));

  blocks.overKeys(block, {}, [&](Value key, Value mask, ValueRange) -> SmallVector<Value> {
    Point lanes = point;
    lanes[shape.key.name] = Index::lanesFrom(key, e.lanes);
    Value raw = e.loadVector(e.getF32Type(), line, key, mask);
    evaluator.define(forward.getArgument(0), lanes, raw);
    evaluator.define(backward.getArgument(0), lanes, raw);
    Value score = e.splat(evaluator.evaluate(forward.front().getTerminator()->getOperand(0), lanes, mask));
    Value p = emitExp(e, arith::SubFOp::create(e, score, shifts));
    Value dp = e.loadVector(e.getF32Type(), gradientLine, key, mask);
    Value dt = arith::MulFOp::create(e, p, arith::SubFOp::create(e, dp, deltas));
    evaluator.define(backward.getArgument(1), lanes, dt);
    Value ds = e.splat(evaluator.evaluate(backward.front().getTerminator()->getOperand(0), lanes, mask));
    e.storeVector(p, line, key, mask);
    e.storeVector(ds, gradientLine, key, mask);
    return {};
  });
}

void Backward::block(const QueryBlock &block) {
  Value outer = block.outer;
  blocks.multiplyByKeys(q.matrix, at(q, outer), block, sumsByKeys, scores);
  blocks.multiplyByKeys(gradient.matrix, at(gradient, outer), block, valuesByKeys, gradients);
  e.loop(e.i64(0), block.count, 1, [&](Value number) { row(block, number); });
  if (dv.pointer) {
    blocks.packQueries(gradient.matrix, at(gradient, outer), block, queriesByValues);
    blocks.addTransposed(scores, block, queriesByValues, valueSums, values);
  }
  if (dk.pointer) {
    blocks.packQueries(q.matrix, at(q, outer), block, queriesBySums);
    blocks.addTransposed(gradients, block, queriesBySums, keySums, sums);
  }
  if (dq.pointer)
    blocks.multiplyScores(gradients, block, keysBySums, dq.matrix, at(dq, outer), spare);
}

void Backward::clear(Value pointer, int64_t elements) {
  e.loop(e.i64(0), e.i64(elements), e.lanes, [&](Value i) { e.storeVector(e.splat(e.f32(0)), pointer, i); });
}

void Backward::write(Value block, const Tensor &to, Value outer) {
  int64_t columns = to.matrix.columns.length();
  copyOut(e, block, blocks.rowElements(columns), e.i64(keys), at(to, outer), to.matrix.row, to.matrix.columns, e.i64(0),
          e.i64(columns));
}

void Backward::task(Value group) {
  Value first = e.mul(group, shape.members());
  blocks.packKeys(k.matrix, at(k, first), keysBySums, /*transposed=*/false);
  blocks.packKeys(k.matrix, at(k, first), sumsByKeys, /*transposed=*/true);
  blocks.packKeys(v.matrix, at(v, first), valuesByKeys, /*transposed=*/true);
  clear(keySums, keys * blocks.rowElements(sums));
  clear(valueSums, keys * blocks.rowElements(values));
  std::optional<int64_t> limit = keyLimit(op.getScore(), shape.query.name, shape.key.name);
  e.loop(first, e.add(first, shape.members()), 1, [&](Value outer) {
    Evaluator::Scope scope(blocks.evaluator);
    blocks.forBlocks(outer, e.i64(0), e.i64(shape.query.length), limit,
                     [&](const QueryBlock &queryBlock) { block(queryBlock); });
  });
  if (dk.pointer)
    write(keySums, dk, first);
  if (dv.pointer)
    write(valueSums, dv, first);
}

llvm::Expected<Lowered> kinu::vectorize::lowerAttentionBackward(step::KernelOp kernel, const Machine &machine) {
  auto op = theOnly<AttentionBackwardOp>(kernel);
  if (!op)
    return llvm::createStringError("attention_backward `" + kernel.getSymName() +
                                   "` is not one kinu.attention_backward on its operands");
  AttentionShape shape =
      analyseAttention(op.getQ().getType(), op.getK().getType(), op.getV().getType(), op.getResult().getType(),
                       op.getSumAttr(), op.getQueryAttr(), op.getKeyAttr());
  if (!groupsAreIndependent(shape, op.getQ().getType(), op.getK().getType(), op.getV().getType()))
    return llvm::createStringError("attention_backward `" + kernel.getSymName() +
                                   "` has an axis of k or v that is not in q, k and v");
  Emission e(kernel, machine);
  AttentionBlocks blocks(e, shape);
  SmallVector<Value> extras = operandPointers(e, op.getExtras());
  bindExtras(blocks.evaluator, op.getScore(), 1, extras);
  bindExtras(blocks.evaluator, op.getScoreBackward(), 2, extras);
  auto input = [&](Value value, const Axis &row, ArrayRef<Axis> columns) {
    return Tensor{shape.matrix(typeOf(value), row, columns), operandPointer(e, value)};
  };
  auto output = [&](Value value, const Axis &row, ArrayRef<Axis> columns) {
    return Tensor{shape.matrix(typeOf(value), row, columns), resultPointer(e, kernel, value)};
  };
  Backward code{blocks,
                op,
                input(op.getQ(), shape.query, shape.sumAxes),
                input(op.getK(), shape.key, shape.sumAxes),
                input(op.getV(), shape.key, shape.valueAxes),
                input(op.getResult(), shape.query, shape.valueAxes),
                input(op.getLogsumexp(), shape.query, {}),
                input(op.getGradient(), shape.query, shape.valueAxes),
                output(op.getDq(), shape.query, shape.sumAxes),
                output(op.getDk(), shape.key, shape.sumAxes),
                output(op.getDv(), shape.key, shape.valueAxes)};
  e.loop(e.begin, e.end, 1, [&](Value group) {
    Evaluator::Scope scope(blocks.evaluator);
    code.task(group);
  });
  Lowered lowered;
  lowered.tasks = shape.groups;
  lowered.scratchBytes = blocks.scratchBytes();
  lowered.operations = 2.0 * double(shape.outerLength()) * double(shape.query.length) * double(shape.key.length) *
                       double(3 * shape.sums() + 2 * shape.values());
  return finishAttention(e, blocks.evaluator, kernel, std::move(lowered));
}
