// Panels of queries, spans of keys, and the score region on them.
#include "compiler/vectorize/attention/ScoreBlocks.h"

#include "compiler/vectorize/gemm/MicroKernel.h"
#include "compiler/vectorize/gemm/bf16/Block.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;
using kinu::machines::Machine;

/// Vectors of a panel: those of a register block, or one less where its higher blocks divide the heads better. Of the
/// last block that a head does not fill, A64FX sees the latency.
static int64_t panelVectors(const Machine &machine, const AttentionShape &shape) {
  auto wasted = [&](int64_t vectors) {
    int64_t rows = rowsPerBlock(machine, vectors * machine.floatsPerVector());
    return llvm::alignTo(shape.sums(), rows) - shape.sums() + llvm::alignTo(shape.values(), rows) - shape.values();
  };
  int64_t most = machine.gemmVectors;
  return most > 2 && wasted(most - 1) < wasted(most) ? most - 1 : most;
}

/// Full register blocks, but no more queries than there are.
static int64_t queriesPerPanel(const Machine &machine, Type element, const AttentionShape &shape) {
  bool inBf16 = bf16::multiplies(machine, element);
  int64_t most = inBf16 ? 64 : panelVectors(machine, shape) * machine.floatsPerVector();
  int64_t panels = llvm::divideCeil(shape.query.length, most);
  return llvm::alignTo(llvm::divideCeil(shape.query.length, panels), inBf16 ? 32 : machine.floatsPerVector());
}

static std::unique_ptr<Products> chooseProducts(Emission &e, Scratch &scratch, const AttentionShape &shape,
                                                Type element, int64_t queries) {
  if (bf16::multiplies(e.machine, element))
    return bf16Products(e, scratch, queries);
  return vectorProducts(e, scratch, queries, {shape.sums(), shape.values()});
}

/// Keys whose scores with a panel fill half of the first cache.
static int64_t keysPerBlock(const Machine &machine, int64_t panelQueries, int64_t keys, int64_t unit) {
  int64_t fit = std::max<int64_t>(48, machine.l1Bytes / 2 / (4 * panelQueries) / 48 * 48);
  return llvm::alignTo(std::min(fit, keys), unit);
}

ScoreBlocks::ScoreBlocks(Emission &e, const AttentionShape &shape, Region &score, Type element)
    : e(e), shape(shape), score(score), evaluator(e), scratch(e),
      bounds(keyBounds(score, shape.query.name, shape.key.name)),
      panelQueries(queriesPerPanel(e.machine, element, shape)),
      products(chooseProducts(e, scratch, shape, element, panelQueries)),
      blockKeys(keysPerBlock(e.machine, panelQueries, shape.key.length, products->rowUnit())) {}

int64_t ScoreBlocks::panelsPerGroup(int64_t bytes, int64_t parts) const {
  int64_t fit = e.machine.l2Bytes / e.machine.l2Cores / parts / bytes;
  return std::clamp<int64_t>(fit, 1, std::min<int64_t>(16, panels()));
}

Panel ScoreBlocks::panel(const Point &outer, Value number) {
  Panel panel{outer, e.mul(number, panelQueries), {}, {}};
  Value left = e.createOrFold<arith::SubIOp>(e.i64(shape.query.length), panel.first);
  panel.count = e.smaller(left, e.i64(panelQueries));
  for (int64_t vector = 0; vector < vectors(); ++vector)
    panel.masks.push_back(shape.query.length % panelQueries ? e.firstLanes(e.add(panel.count, -vector * e.lanes))
                                                            : Value());
  return panel;
}

static Value larger(Emission &e, Value x, Value y) { return e.createOrFold<arith::MaxSIOp>(x, y); }

Value ScoreBlocks::offset(int64_t bound) {
  assert((shift || bounds.shift.empty()) && "extras are bound first");
  return shift ? e.createOrFold<arith::SubIOp>(e.i64(bound), shift) : e.i64(bound);
}

std::pair<Value, Value> ScoreBlocks::keysOf(Value firstPanel, Value endPanel) {
  Value from = e.i64(0), to = e.i64(shape.key.length);
  if (bounds.least)
    from = e.smaller(larger(e, e.add(e.mul(firstPanel, panelQueries), offset(*bounds.least)), e.i64(0)), to);
  if (bounds.most) {
    Value endQuery = e.smaller(e.mul(endPanel, panelQueries), e.i64(shape.query.length));
    to = e.smaller(larger(e, e.add(endQuery, offset(*bounds.most)), e.i64(0)), to);
  }
  return {from, to};
}

void ScoreBlocks::forBlocks(Value from, Value to, llvm::function_ref<void(Value, Value)> body) {
  e.loop(e.mul(e.div(from, blockKeys), blockKeys), to, blockKeys, [&](Value start) {
    Evaluator::Scope scope(evaluator);
    Value left = e.createOrFold<arith::SubIOp>(e.i64(shape.key.length), start);
    body(start, e.smaller(left, e.i64(blockKeys)));
  });
}

void ScoreBlocks::withSpan(const Panel &panel, Value start, Value count,
                           llvm::function_ref<void(const KeySpan &)> body) {
  if (!bounds.any())
    return body({start, e.i64(0), count});
  int64_t unit = products->rowUnit();
  auto relative = [&](Value query, int64_t bound) {
    return larger(e, e.add(e.createOrFold<arith::SubIOp>(query, start), offset(bound)), e.i64(0));
  };
  Value from = e.i64(0), to = count;
  if (bounds.least)
    from = e.mul(e.div(relative(panel.first, *bounds.least), unit), unit);
  if (bounds.most) {
    Value seen = relative(e.add(panel.first, panel.count), *bounds.most);
    to = e.smaller(e.mul(e.div(e.add(seen, unit - 1), unit), unit), count);
  }
  Value keys = e.createOrFold<arith::SubIOp>(to, from);
  e.ifThen(arith::CmpIOp::create(e, arith::CmpIPredicate::sgt, keys, e.i64(0)), [&] {
    Evaluator::Scope scope(evaluator);
    body({start, from, keys});
  });
}

/// No pair of the panel and the span is outside the bounds.
Value ScoreBlocks::isWhole(const Panel &panel, const KeySpan &span) {
  Value firstKey = span.key(e, span.first), lastKey = e.add(e.add(firstKey, span.count), -1);
  Value lastQuery = e.add(e.add(panel.first, panel.count), -1), whole = e.i1(true);
  auto require = [&](arith::CmpIPredicate predicate, Value key, Value query, int64_t bound) {
    Value holds = arith::CmpIOp::create(e, predicate, key, e.add(query, offset(bound)));
    whole = e.createOrFold<arith::AndIOp>(whole, holds);
  };
  if (bounds.least)
    require(arith::CmpIPredicate::sge, firstKey, lastQuery, *bounds.least);
  if (bounds.most)
    require(arith::CmpIPredicate::sle, lastKey, panel.first, *bounds.most);
  return whole;
}

SmallVector<Value> ScoreBlocks::byMask(const Panel &panel, const KeySpan &span, TypeRange results,
                                       llvm::function_ref<SmallVector<Value>(bool whole)> body) {
  if (!bounds.any())
    return body(false);
  auto branch = scf::IfOp::create(e, results, isWhole(panel, span), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e);
  for (bool whole : {true, false}) {
    Evaluator::Scope scope(evaluator);
    Block *block = whole ? branch.thenBlock() : branch.elseBlock();
    if (!block->empty())
      block->getTerminator()->erase();
    e.setInsertionPointToEnd(block);
    scf::YieldOp::create(e, body(whole));
  }
  return SmallVector<Value>(branch.getResults());
}

Point ScoreBlocks::at(const Panel &panel, int64_t vector, Value key) {
  Point point = panel.point;
  Index lanes = Index::lanesFrom(e.add(panel.first, vector * e.lanes), e.lanes);
  lanes.outside = bool(panel.masks[vector]);
  point[shape.query.name] = lanes;
  point[shape.key.name] = Index::at(key);
  return point;
}

Value ScoreBlocks::evaluate(Region &region, const Panel &panel, int64_t vector, Value key, ValueRange arguments,
                            bool whole) {
  Evaluator::Scope scope(evaluator);
  Point point = at(panel, vector, key);
  for (auto [argument, value] : llvm::zip(region.getArguments(), arguments))
    evaluator.define(argument, point, value);
  if (whole)
    for (CompareOp compare : impliedBy(bounds, region, shape.query.name, shape.key.name))
      evaluator.define(compare, point, e.i1(true));
  Value yielded = region.front().getTerminator()->getOperand(0);
  return e.splat(evaluator.evaluate(yielded, point, panel.masks[vector]));
}

Value ScoreBlocks::within(Value key, Value vector) {
  if (shape.key.length % products->keysPerStore() == 0)
    return vector;
  Value inside = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, key, e.i64(shape.key.length));
  return arith::SelectOp::create(e, inside, vector, e.splat(e.f32(0)));
}

void ScoreBlocks::bindExtras(Region &region, unsigned first, ValueRange pointers) {
  for (auto [argument, pointer] : llvm::zip_equal(region.getArguments().drop_front(first), pointers))
    evaluator.bindMemory(argument, pointer);
  if (&region != &score)
    return;
  for (auto [argument, factor] : bounds.shift) {
    Value number = e.load(e.getI64Type(), pointers[argument.getArgNumber() - first], e.i64(0));
    Value part = e.mul(number, factor);
    shift = shift ? e.add(shift, part) : part;
  }
}

void ScoreBlocks::readQueries(const RowSource &from, const Panel &panel, Value to) {
  clearBlock(e, to, e.i64(panelQueries));
  e.loop(e.i64(0), panel.count, 1, [&](Value row) {
    e.store(e.load(from.element, from.base, e.mul(e.add(panel.first, row), from.row)), to, row);
  });
}

void ScoreBlocks::writeQueries(Value from, const Panel &panel, const RowSource &to) {
  e.loop(e.i64(0), panel.count, 1,
         [&](Value row) { e.store(e.load(to.element, from, row), to.base, e.mul(e.add(panel.first, row), to.row)); });
}
