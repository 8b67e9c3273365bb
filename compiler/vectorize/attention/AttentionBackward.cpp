// Kernels of one `kinu.attention_backward` (Dao et al., FlashAttention, 2022, appendix B).
//
// A task takes the outer indices that share keys and values (batch, key head) with all their queries, so the gradients
// of k and v are sums of its own, added to in a fixed order. It goes through stretches of keys, whose sums fit the
// second cache; for each, through groups of panels of queries; for each, through blocks of keys. A block of scores and
// one of the gradients of probabilities are made by products, changed row by row, and spread by three products.
//
// Where there are too few such tasks for the cores, tasks are either a stretch of keys, for the gradients of k and v,
// or a part of the queries, for that of q. Scores then are made twice: seven products in place of five.
#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/attention/Operands.h"
#include "compiler/vectorize/attention/ScoreBlocks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;
using kinu::machines::Machine;

namespace {
/// The code of one backward attention. Tensors without a pointer are gradients that nobody wants.
struct Backward {
  ScoreBlocks &blocks;
  AttentionBackwardOp op;
  Tensor q, k, v, result, logsumexp, gradient, dq, dk, dv;
  Emission &e = blocks.e;
  const AttentionShape &shape = blocks.shape;
  Products &products = *blocks.products;
  int64_t queries = blocks.panelQueries, panels = blocks.panels();
  int64_t sumRow = products.paddedColumns(shape.sums()), valueRow = products.paddedColumns(shape.values());
  int64_t group = blocks.panelsPerGroup(4 * queries * (3 * sumRow + 2 * valueRow), 6);
  int64_t split = splitParts(); ///< parts of keys and of queries for tasks of their own; 1: no such tasks
  int64_t stretch = stretchKeys();
  bool once = split > 1 || stretch >= shape.key.length; ///< a task meets each panel in one go
  // What the tasks that are being written compute.
  bool forKeys = true, forQueries = true;
  // Of a group of panels: queries and gradients packed, gradients of queries, logsumexp, sums of gradient * result.
  Packed queryForms = products.reserve(queries, shape.sums(), {Form::RightColumns, Form::RightRows}, group);
  Packed gradientForms = products.reserve(queries, shape.values(), {Form::RightColumns, Form::RightRows}, group);
  Value shifts = blocks.scratch.floats(group * queries), deltas = blocks.scratch.floats(group * queries);
  /// Gradients of queries, sum axes by queries: of a group, or of all panels if keys are several stretches.
  Value querySums = blocks.scratch.floats((once ? group : shape.members() * panels) * sumRow * queries);
  // Of a block of keys.
  Packed keys = products.reserve(blocks.blockKeys, shape.sums(), {Form::LeftRows, Form::LeftColumns});
  Packed values = products.reserve(blocks.blockKeys, shape.values(), {Form::LeftRows});
  Value scores = blocks.scratch.floats((blocks.blockKeys + 2 * e.lanes) * queries);
  Value scoreGradients = blocks.scratch.floats((blocks.blockKeys + 2 * e.lanes) * queries);
  Packed probabilities = products.reserveScores(scores, blocks.blockKeys, {Form::LeftRows});
  Packed rawGradients = products.reserveScores(scoreGradients, blocks.blockKeys, {Form::LeftRows, Form::RightRows});
  // Of a stretch of keys: rows of keys.
  Value keySums = blocks.scratch.floats((stretch + 2 * e.lanes) * sumRow);
  Value valueSums = blocks.scratch.floats((stretch + 2 * e.lanes) * valueRow);
  Value lines = blocks.scratch.floats(sumRow * queries);

  int64_t splitParts() const;
  int64_t stretchKeys() const;
  int64_t stretches() const { return llvm::divideCeil(shape.key.length, stretch); }
  /// Of a split: panels of a task for queries, and such tasks of an outer index.
  int64_t partPanels() const { return llvm::alignTo(llvm::divideCeil(panels, split), group); }
  int64_t queryParts() const { return llvm::divideCeil(panels, partPanels()); }
  int64_t tasksOfGroup() const { return split > 1 ? stretches() + shape.members() * queryParts() : 1; }
  void splitTask(Value number);
  Value plus(Value pointer, Value elements) { return e.address(pointer, e.getF32Type(), elements); }
  /// The place of a panel's gradients in `querySums`.
  Value sumsOf(Value member, Value number, Value place) {
    Value index = once ? place : e.add(e.mul(member, panels), number);
    return plus(querySums, e.mul(index, sumRow * queries));
  }
  void task(Value group);
  void stretchOfKeys(Value firstOuter, Value start, Value end);
  void groupOfPanels(Value outer, Value member, Value first, Value start, Value end);
  void begin(Value outer, const Panel &panel, Value place);
  void block(const Panel &panel, Value place, const KeySpan &span, Value inStretch, Value sums);
  void scoreRow(const Panel &panel, const KeySpan &span, Value row, ValueRange shift, ValueRange delta, bool whole);
  void writeQuerySums(Value outer, const Panel &panel, Value sums);
  SmallVector<Value> load(Value line);
};
} // namespace

/// Cores that share the tasks of a rank would wait for the slowest one: worth it if that is longer than the two
/// products more. Each part has several blocks.
int64_t Backward::splitParts() const {
  int64_t threads = e.machine.coresPerGroup(), groups = shape.groups;
  int64_t most = std::min(shape.key.length / (4 * blocks.blockKeys), panels / 4);
  bool gains = 7 * groups < 5 * threads * int64_t(llvm::divideCeil(groups, threads));
  return gains ? std::clamp<int64_t>(llvm::divideCeil(2 * threads, groups), 1, std::max<int64_t>(most, 1)) : 1;
}

/// As many keys as have their sums in a sixth of the second cache; all if they are not much more.
int64_t Backward::stretchKeys() const {
  int64_t fit = e.machine.l2Bytes / e.machine.l2Cores / 6 / (4 * (sumRow + valueRow));
  fit = std::max<int64_t>(fit, 2 * blocks.blockKeys);
  int64_t keys = shape.key.length, count = keys <= fit * 3 / 2 ? 1 : llvm::divideCeil(keys, fit);
  return llvm::alignTo(llvm::divideCeil(keys, std::max(count, split)), blocks.blockKeys);
}

SmallVector<Value> Backward::load(Value line) {
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < blocks.vectors(); ++i)
    vectors.push_back(e.loadVector(e.getF32Type(), line, e.i64(i * e.lanes)));
  return vectors;
}

void Backward::begin(Value outer, const Panel &panel, Value place) {
  products.pack(q.rows(e, outer), panel.first, panel.count, products.copy(queryForms, place));
  products.pack(gradient.rows(e, outer), panel.first, panel.count, products.copy(gradientForms, place));
  blocks.readQueries(logsumexp.rows(e, outer), panel, plus(shifts, e.mul(place, queries)));
  Value delta = plus(deltas, e.mul(place, queries));
  clearBlock(e, delta, e.i64(queries));
  dotRows(e, gradient.rows(e, outer), result.rows(e, outer), panel.first, panel.count, delta);
}

/// Replaces raw scores of a key by probabilities, and gradients of probabilities by gradients of raw scores.
void Backward::scoreRow(const Panel &panel, const KeySpan &span, Value row, ValueRange shift, ValueRange delta,
                        bool whole) {
  int64_t step = products.keysPerStore();
  SmallVector<Value> ps, gradientsOfRaw;
  for (int64_t i = 0; i < step; ++i) {
    Evaluator::Scope scope(blocks.evaluator);
    Value here = e.add(row, i), place = e.mul(here, queries), key = span.key(e, here);
    Value known = i ? e.smaller(key, e.i64(shape.key.length - 1)) : key;
    SmallVector<Value> raws = load(plus(scores, place)), dps = load(plus(scoreGradients, place));
    for (int64_t vector = 0; vector < blocks.vectors(); ++vector) {
      Value raw = raws[vector], score = blocks.evaluate(op.getScore(), panel, vector, known, raw, whole);
      Value p = products.exponential(score, shift[vector]);
      Value dt = arith::MulFOp::create(e, p, arith::SubFOp::create(e, dps[vector], delta[vector]));
      Value ds = blocks.evaluate(op.getScoreBackward(), panel, vector, known, {raw, dt}, whole);
      ps.push_back(i ? blocks.within(key, p) : p);
      gradientsOfRaw.push_back(i ? blocks.within(key, ds) : ds);
    }
  }
  products.storeScores(probabilities, row, ps);
  products.storeScores(rawGradients, row, gradientsOfRaw);
}

void Backward::block(const Panel &panel, Value place, const KeySpan &span, Value inStretch, Value sums) {
  Packed query = products.copy(queryForms, place), slope = products.copy(gradientForms, place);
  auto rows = [&](Value block) {
    return ProductResult{plus(block, e.mul(span.first, queries)), queries, span.count, false};
  };
  products.multiply({keys, Form::LeftRows, span.first}, {query, Form::RightColumns}, e.i64(shape.sums()), rows(scores));
  products.multiply({values, Form::LeftRows, span.first}, {slope, Form::RightColumns}, e.i64(shape.values()),
                    rows(scoreGradients));
  SmallVector<Value> shift = load(plus(shifts, e.mul(place, queries)));
  SmallVector<Value> delta = load(plus(deltas, e.mul(place, queries)));
  Value end = e.add(span.first, span.count);
  products.padScores(probabilities, end);
  products.padScores(rawGradients, end);
  blocks.byMask(panel, span, {}, [&](bool whole) {
    e.loop(span.first, end, products.keysPerStore(),
           [&](Value row) { scoreRow(panel, span, row, shift, delta, whole); });
    return SmallVector<Value>();
  });
  Value firstRow = e.add(inStretch, span.first);
  if (forKeys && dv.pointer)
    products.multiply({probabilities, Form::LeftRows, span.first}, {slope, Form::RightRows}, e.i64(queries),
                      {plus(valueSums, e.mul(firstRow, valueRow)), valueRow, span.count, true});
  if (forKeys && dk.pointer)
    products.multiply({rawGradients, Form::LeftRows, span.first}, {query, Form::RightRows}, e.i64(queries),
                      {plus(keySums, e.mul(firstRow, sumRow)), sumRow, span.count, true});
  if (forQueries && dq.pointer)
    products.multiply({keys, Form::LeftColumns, span.first}, {rawGradients, Form::RightRows, span.first}, span.count,
                      {sums, queries, {}, true});
}

void Backward::writeQuerySums(Value outer, const Panel &panel, Value sums) {
  transposeBlock(e, sums, queries, sumRow, queries, lines, sumRow);
  writeRows(e, lines, sumRow, panel.count, dq.rows(e, outer), panel.first);
}

/// The panels from `first` on, and those of their keys that are in the stretch [start, end).
void Backward::groupOfPanels(Value outer, Value member, Value first, Value start, Value end) {
  Value left = e.createOrFold<arith::SubIOp>(e.i64(panels), first), count = e.smaller(left, e.i64(group));
  Point point = shape.outerPoint(e, outer);
  auto overPanels = [&](llvm::function_ref<void(const Panel &, Value, Value)> body) {
    e.loop(e.i64(0), count, 1, [&](Value place) {
      Evaluator::Scope scope(blocks.evaluator);
      Value number = e.add(first, place);
      body(blocks.panel(point, number), place, sumsOf(member, number, place));
    });
  };
  auto [from, to] = blocks.keysOf(first, e.add(first, count));
  from = arith::MaxSIOp::create(e, from, start);
  to = e.smaller(to, end);
  if (once && forQueries && dq.pointer)
    clearBlock(e, querySums, e.i64(group * sumRow * queries));
  e.ifThen(arith::CmpIOp::create(e, arith::CmpIPredicate::slt, from, to), [&] {
    overPanels([&](const Panel &panel, Value place, Value) { begin(outer, panel, place); });
    blocks.forBlocks(from, to, [&](Value blockStart, Value length) {
      products.pack(k.rows(e, outer), blockStart, length, keys);
      products.pack(v.rows(e, outer), blockStart, length, values);
      Value inStretch = arith::SubIOp::create(e, blockStart, start);
      overPanels([&](const Panel &panel, Value place, Value sums) {
        blocks.withSpan(panel, blockStart, length,
                        [&](const KeySpan &span) { block(panel, place, span, inStretch, sums); });
      });
    });
  });
  if (once && forQueries && dq.pointer)
    overPanels([&](const Panel &panel, Value, Value sums) { writeQuerySums(outer, panel, sums); });
}

void Backward::stretchOfKeys(Value firstOuter, Value start, Value end) {
  clearBlock(e, keySums, e.i64(stretch * sumRow));
  clearBlock(e, valueSums, e.i64(stretch * valueRow));
  e.loop(e.i64(0), e.i64(shape.members()), 1, [&](Value member) {
    e.loop(e.i64(0), e.i64(panels), group, [&](Value first) {
      Evaluator::Scope scope(blocks.evaluator);
      groupOfPanels(e.add(firstOuter, member), member, first, start, end);
    });
  });
  Value count = arith::SubIOp::create(e, end, start);
  if (dk.pointer)
    writeRows(e, keySums, sumRow, count, dk.rows(e, firstOuter), start);
  if (dv.pointer)
    writeRows(e, valueSums, valueRow, count, dv.rows(e, firstOuter), start);
}

void Backward::task(Value number) {
  Value firstOuter = e.mul(number, shape.members());
  if (!once && dq.pointer)
    clearBlock(e, querySums, e.i64(shape.members() * panels * sumRow * queries));
  e.loop(e.i64(0), e.i64(shape.key.length), stretch, [&](Value start) {
    stretchOfKeys(firstOuter, start, e.smaller(e.add(start, stretch), e.i64(shape.key.length)));
  });
  if (once || !dq.pointer)
    return;
  e.loop(e.i64(0), e.i64(shape.members()), 1, [&](Value member) {
    Value outer = e.add(firstOuter, member);
    e.loop(e.i64(0), e.i64(panels), 1,
           [&](Value panel) { writeQuerySums(outer, blocks.panel(Point(), panel), sumsOf(member, panel, {})); });
  });
}

/// A stretch of keys, or a part of the queries of one outer index.
void Backward::splitTask(Value number) {
  Value firstOuter = e.mul(e.div(number, tasksOfGroup()), shape.members()), rest = e.rem(number, tasksOfGroup());
  Value keys = e.i64(shape.key.length),
        isStretch = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, rest, e.i64(stretches()));
  e.ifThen(isStretch, [&] {
    Evaluator::Scope scope(blocks.evaluator);
    forQueries = false;
    Value start = e.mul(rest, stretch);
    stretchOfKeys(firstOuter, start, e.smaller(e.add(start, stretch), keys));
    forQueries = true;
  });
  e.ifThen(arith::XOrIOp::create(e, isStretch, e.i1(true)), [&] {
    forKeys = false;
    Value part = e.add(rest, -stretches()), first = e.mul(e.rem(part, queryParts()), partPanels());
    Value member = e.div(part, queryParts()), end = e.smaller(e.add(first, partPanels()), e.i64(panels));
    e.loop(first, end, group, [&](Value panel) {
      Evaluator::Scope scope(blocks.evaluator);
      groupOfPanels(e.add(firstOuter, member), member, panel, e.i64(0), keys);
    });
    forKeys = true;
  });
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
  ScoreBlocks blocks(e, shape, op.getScore(), typeOf(op.getQ()).getElement());
  SmallVector<Value> extras = operandPointers(e, op.getExtras());
  blocks.bindExtras(op.getScore(), 1, extras);
  blocks.bindExtras(op.getScoreBackward(), 2, extras);
  auto input = [&](Value value, const Axis &row, ArrayRef<Axis> columns) {
    return Tensor{typeOf(value).getElement(), shape.matrix(typeOf(value), row, columns), operandPointer(e, value)};
  };
  auto output = [&](Value value, const Axis &row, ArrayRef<Axis> columns) {
    return Tensor{typeOf(value).getElement(), shape.matrix(typeOf(value), row, columns),
                  resultPointer(e, kernel, value)};
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
  blocks.products->begin();
  e.loop(e.begin, e.end, 1, [&](Value number) {
    Evaluator::Scope scope(blocks.evaluator);
    code.split > 1 ? code.splitTask(number) : code.task(number);
  });
  blocks.products->end();
  Lowered lowered;
  lowered.tasks = shape.groups * code.tasksOfGroup();
  lowered.scratchBytes = blocks.scratch.bytes();
  lowered.operations = 2.0 * double(shape.outerLength()) * blocks.bounds.pairs(shape.query.length, shape.key.length) *
                       double(3 * shape.sums() + 2 * shape.values());
  return finishAttention(e, blocks.evaluator, kernel, std::move(lowered));
}
