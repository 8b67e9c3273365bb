// Kernels of one `kinu.attention` (Milakov and Gimelshein, 2018; Dao et al., FlashAttention, 2022).
//
// A task takes one outer index (batch, head) and some panels of queries. For each group of panels it goes once through
// the keys by blocks: scores by a product; the score region, and each query's maximum so far; probabilities and their
// sum relative to that maximum; the result so far, scaled where the maximum moved, plus values times probabilities.
// Blocks that the mask hides from a panel by distance are left out. Scratch does not grow with the sequence.
#include "compiler/vectorize/Math.h"
#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/attention/Operands.h"
#include "compiler/vectorize/attention/ScoreBlocks.h"
#include "dialects/kinu/Composites.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;
using kinu::machines::Machine;

/// Tasks that keep any usual number of threads evenly busy.
static constexpr int64_t kTasksWanted = 24;

namespace {
/// What is kept of a panel while keys pass: maximum and sum of each query, and the result, value axes by queries.
struct Running {
  Value maximum, sum, result;
};

/// The code of one forward attention.
struct Forward {
  ScoreBlocks &blocks;
  AttentionOp op;
  Tensor q, k, v, result, logsumexp; ///< `logsumexp` without a pointer if nobody wants it
  Emission &e = blocks.e;
  const AttentionShape &shape = blocks.shape;
  Products &products = *blocks.products;
  int64_t queries = blocks.panelQueries, valueRows = products.paddedColumns(shape.values());
  int64_t group = blocks.panelsPerGroup(4 * queries * (shape.sums() + valueRows), 4);
  Packed queryColumns = products.reserve(queries, shape.sums(), {Form::RightColumns}, group);
  Packed keys = products.reserve(blocks.blockKeys, shape.sums(), {Form::LeftRows});
  Packed values = products.reserve(blocks.blockKeys, shape.values(), {Form::LeftColumns});
  Value scores = blocks.scratch.floats((blocks.blockKeys + 2 * e.lanes) * queries);
  Packed probabilities = products.reserveScores(scores, blocks.blockKeys, {Form::RightRows});
  Value maxima = blocks.scratch.floats(group * queries), sums = blocks.scratch.floats(group * queries);
  Value results = blocks.scratch.floats(group * valueRows * queries);
  Value lines = blocks.scratch.floats(valueRows * queries);
  Value lowest = e.splat(e.f32(-std::numeric_limits<double>::infinity()));

  Value plus(Value pointer, Value elements) { return e.address(pointer, e.getF32Type(), elements); }
  Running running(Value place) {
    return {plus(maxima, e.mul(place, queries)), plus(sums, e.mul(place, queries)),
            plus(results, e.mul(place, valueRows * queries))};
  }
  void task(Value outer, Value firstPanel, Value endPanel);
  void groupOfPanels(Value outer, const Point &point, Value first, Value count);
  void begin(Value outer, const Panel &panel, Value place);
  void block(const Panel &panel, const KeySpan &span, Value place);
  SmallVector<Value> score(const Panel &panel, const KeySpan &span, ValueRange maxima, bool whole);
  SmallVector<Value> exponentials(const KeySpan &span, ValueRange shifts, ValueRange sums);
  void rescale(const Running &panel, ValueRange before, ValueRange now, ValueRange factors);
  void finish(Value outer, const Panel &panel, Value place);
  SmallVector<Value> load(Value line);
  void store(ValueRange vectors, Value line);
};
} // namespace

static Value greater(Emission &e, Value x, Value y) {
  return arith::CmpFOp::create(e, arith::CmpFPredicate::OGT, x, y);
}

static Value choose(Emission &e, Value condition, Value yes, Value no) {
  return arith::SelectOp::create(e, condition, yes, no);
}

/// All vectors of a line of a panel.
SmallVector<Value> Forward::load(Value line) {
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < blocks.vectors(); ++i)
    vectors.push_back(e.loadVector(e.getF32Type(), line, e.i64(i * e.lanes)));
  return vectors;
}

void Forward::store(ValueRange vectors, Value line) {
  for (auto [i, vector] : llvm::enumerate(vectors))
    e.storeVector(vector, line, e.i64(int64_t(i) * e.lanes));
}

void Forward::begin(Value outer, const Panel &panel, Value place) {
  products.pack(q.rows(e, outer), panel.first, panel.count, products.copy(queryColumns, place));
  Running now = running(place);
  for (int64_t i = 0; i < blocks.vectors(); ++i)
    e.storeVector(lowest, now.maximum, e.i64(i * e.lanes));
  clearBlock(e, now.sum, e.i64(queries));
  clearBlock(e, now.result, e.i64(valueRows * queries));
}

/// Replaces raw scores by final ones and returns the maxima of them and of those before.
SmallVector<Value> Forward::score(const Panel &panel, const KeySpan &span, ValueRange maxima, bool whole) {
  return e.loop(span.first, e.add(span.first, span.count), 1, maxima, [&](Value row, ValueRange carried) {
    Value line = plus(scores, e.mul(row, queries)), key = span.key(e, row);
    SmallVector<Value> finals, next;
    Evaluator::Scope scope(blocks.evaluator);
    for (auto [i, raw] : llvm::enumerate(load(line)))
      finals.push_back(blocks.evaluate(blocks.score, panel, int64_t(i), key, raw, whole));
    for (auto [final, before] : llvm::zip(finals, carried))
      next.push_back(choose(e, greater(e, final, before), final, before));
    store(finals, line);
    return next;
  });
}

/// Probabilities relative to `shifts` of the keys of the span, and their sums added to `sums`.
SmallVector<Value> Forward::exponentials(const KeySpan &span, ValueRange shifts, ValueRange sums) {
  int64_t step = products.keysPerStore();
  Value end = e.add(span.first, span.count);
  auto added = e.loop(span.first, end, step, sums, [&](Value row, ValueRange carried) {
    SmallVector<Value> all, next(carried);
    for (int64_t i = 0; i < step; ++i)
      for (auto [vector, score] : llvm::enumerate(load(plus(scores, e.mul(e.add(row, i), queries))))) {
        Value p = products.exponential(score, shifts[vector]);
        p = i ? blocks.within(span.key(e, e.add(row, i)), p) : p;
        all.push_back(p);
        next[vector] = arith::AddFOp::create(e, next[vector], p);
      }
    products.storeScores(probabilities, row, all);
    return next;
  });
  products.padScores(probabilities, end);
  return added;
}

/// The result so far relative to the new maxima, if one of them moved.
void Forward::rescale(const Running &panel, ValueRange before, ValueRange now, ValueRange factors) {
  Value moved;
  for (auto [x, y] : llvm::zip(now, before)) {
    Value here = greater(e, x, y);
    moved = moved ? Value(arith::OrIOp::create(e, moved, here)) : here;
  }
  e.ifThen(vector::ReductionOp::create(e, vector::CombiningKind::OR, moved), [&] {
    e.loop(e.i64(0), e.i64(shape.values()), 1, [&](Value row) {
      Value line = plus(panel.result, e.mul(row, queries));
      SmallVector<Value> scaled;
      for (auto [value, factor] : llvm::zip(load(line), factors))
        scaled.push_back(arith::MulFOp::create(e, value, factor));
      store(scaled, line);
    });
  });
}

void Forward::block(const Panel &panel, const KeySpan &span, Value place) {
  Packed columns = products.copy(queryColumns, place);
  products.multiply({keys, Form::LeftRows, span.first}, {columns, Form::RightColumns}, e.i64(shape.sums()),
                    {plus(scores, e.mul(span.first, queries)), queries, span.count, false});
  Running so = running(place);
  SmallVector<Value> before = load(so.maximum), sum = load(so.sum), shifts, factors, scaled;
  SmallVector<Type> types(before.size(), before[0].getType());
  SmallVector<Value> now =
      blocks.byMask(panel, span, types, [&](bool whole) { return score(panel, span, before, whole); });
  for (auto [maximum, old, total] : llvm::zip(now, before, sum)) {
    // A query that has seen no key yet: anything finite will do.
    shifts.push_back(choose(e, greater(e, maximum, lowest), maximum, e.splat(e.f32(0))));
    factors.push_back(products.exponential(old, shifts.back()));
    scaled.push_back(arith::MulFOp::create(e, total, factors.back()));
  }
  // Early, so that its stores have left when the product below loads them.
  rescale(so, before, now, factors);
  store(exponentials(span, shifts, scaled), so.sum);
  store(now, so.maximum);
  products.multiply({values, Form::LeftColumns, span.first}, {probabilities, Form::RightRows, span.first}, span.count,
                    {so.result, queries, {}, true});
}

/// Results and logsumexp of a panel that all its keys have passed; 0 for a query that saw none.
void Forward::finish(Value outer, const Panel &panel, Value place) {
  Running so = running(place);
  SmallVector<Value> inverses, logs;
  for (auto [maximum, sum] : llvm::zip(load(so.maximum), load(so.sum))) {
    Value alive = greater(e, maximum, lowest), zero = e.splat(e.f32(0)), one = e.splat(e.f32(1));
    Value safe = choose(e, alive, sum, one);
    inverses.push_back(choose(e, alive, arith::DivFOp::create(e, one, safe), zero));
    Value unseen = op->hasAttr(kSomeKeys) ? lowest : zero;
    logs.push_back(choose(e, alive, arith::AddFOp::create(e, emitLog(e, safe), maximum), unseen));
  }
  if (logsumexp.pointer) {
    store(logs, so.sum);
    blocks.writeQueries(so.sum, panel, logsumexp.rows(e, outer));
  }
  e.loop(e.i64(0), e.i64(shape.values()), 1, [&](Value row) {
    Value line = plus(so.result, e.mul(row, queries));
    SmallVector<Value> scaled;
    for (auto [value, inverse] : llvm::zip(load(line), inverses))
      scaled.push_back(arith::MulFOp::create(e, value, inverse));
    store(scaled, line);
  });
  transposeBlock(e, so.result, queries, valueRows, queries, lines, valueRows);
  writeRows(e, lines, valueRows, panel.count, result.rows(e, outer), panel.first);
}

void Forward::groupOfPanels(Value outer, const Point &point, Value first, Value count) {
  auto overPanels = [&](llvm::function_ref<void(const Panel &, Value)> body) {
    e.loop(e.i64(0), count, 1, [&](Value place) {
      Evaluator::Scope scope(blocks.evaluator);
      body(blocks.panel(point, e.add(first, place)), place);
    });
  };
  overPanels([&](const Panel &panel, Value place) { begin(outer, panel, place); });
  auto [from, to] = blocks.keysOf(first, e.add(first, count));
  blocks.forBlocks(from, to, [&](Value start, Value length) {
    products.pack(k.rows(e, outer), start, length, keys);
    products.pack(v.rows(e, outer), start, length, values);
    overPanels([&](const Panel &panel, Value place) {
      blocks.withSpan(panel, start, length, [&](const KeySpan &span) { block(panel, span, place); });
    });
  });
  overPanels([&](const Panel &panel, Value place) { finish(outer, panel, place); });
}

void Forward::task(Value outer, Value firstPanel, Value endPanel) {
  Point point = shape.outerPoint(e, outer);
  e.loop(firstPanel, endPanel, group, [&](Value first) {
    Evaluator::Scope scope(blocks.evaluator);
    Value left = arith::SubIOp::create(e, endPanel, first);
    groupOfPanels(outer, point, first, e.smaller(left, e.i64(group)));
  });
}

/// 0, n - 1, 1, n - 2, ...: under a causal mask neighbours in this order together do the same work.
static Value zigzag(Emission &e, Value number, int64_t n) {
  Value half = e.div(number, 2), odd = e.rem(number, 2);
  Value fromEnd = e.createOrFold<arith::SubIOp>(e.i64(n - 1), half);
  return choose(e, arith::CmpIOp::create(e, arith::CmpIPredicate::eq, odd, e.i64(0)), half, fromEnd);
}

llvm::Expected<Lowered> kinu::vectorize::lowerAttention(step::KernelOp kernel, const Machine &machine) {
  auto op = theOnly<AttentionOp>(kernel);
  if (!op)
    return llvm::createStringError("attention `" + kernel.getSymName() + "` is not one kinu.attention on its operands");
  AttentionShape shape =
      analyseAttention(op.getQ().getType(), op.getK().getType(), op.getV().getType(), op.getResult().getType(),
                       op.getSumAttr(), op.getQueryAttr(), op.getKeyAttr());
  Emission e(kernel, machine);
  ScoreBlocks blocks(e, shape, op.getScore(), typeOf(op.getQ()).getElement());
  blocks.bindExtras(op.getScore(), 1, operandPointers(e, op.getExtras()));
  auto tensor = [&](Value value, Value pointer, const Axis &row, ArrayRef<Axis> columns) {
    return Tensor{typeOf(value).getElement(), shape.matrix(typeOf(value), row, columns), pointer};
  };
  Forward code{blocks,
               op,
               tensor(op.getQ(), operandPointer(e, op.getQ()), shape.query, shape.sumAxes),
               tensor(op.getK(), operandPointer(e, op.getK()), shape.key, shape.sumAxes),
               tensor(op.getV(), operandPointer(e, op.getV()), shape.key, shape.valueAxes),
               tensor(op.getResult(), resultPointer(e, kernel, op.getResult()), shape.query, shape.valueAxes),
               tensor(op.getLogsumexp(), resultPointer(e, kernel, op.getLogsumexp()), shape.query, {})};

  int64_t panels = blocks.panels(), wanted = llvm::divideCeil(kTasksWanted, shape.outerLength());
  int64_t partPanels = llvm::divideCeil(panels, std::min(panels, wanted));
  int64_t parts = llvm::divideCeil(panels, partPanels);
  blocks.products->begin();
  e.loop(e.begin, e.end, 1, [&](Value number) {
    Evaluator::Scope scope(blocks.evaluator);
    Value first = e.mul(zigzag(e, e.rem(number, parts), parts), partPanels);
    code.task(e.div(number, parts), first, e.smaller(e.add(first, partPanels), e.i64(panels)));
  });
  blocks.products->end();
  Lowered lowered;
  lowered.tasks = shape.outerLength() * parts;
  lowered.scratchBytes = blocks.scratch.bytes();
  lowered.operations = 2.0 * double(shape.outerLength()) * blocks.bounds.pairs(shape.query.length, shape.key.length) *
                       double(shape.sums() + shape.values());
  return finishAttention(e, blocks.evaluator, kernel, std::move(lowered));
}
