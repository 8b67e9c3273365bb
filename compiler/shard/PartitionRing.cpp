// Attention whose queries and keys are split over one axis of the mesh: keys and values go around a ring (Liu et al.,
// Ring Attention, 2023).
//
// In n steps each rank meets the keys and values of every rank, its own first, and sends on those that it has met. The
// softmax over the keys so far is merged with that over the next ones by their logsumexp (Milakov and Gimelshein,
// 2018). Going back, probabilities are computed again from the logsumexp over all keys; gradients of keys and values go
// around behind these, each rank adding its part, and come home last, where the rank's own part is added. Elements that
// a rank sends for each layer, k and v being a rank's keys and values: (n - 1)(k + v) forward, twice that backward.
//
// Where a rank has two runs of a balanced axis each pair of runs is an attention of its own: a kernel knows which keys
// a run's queries see by where both begin, and reads no others.
#include "compiler/shard/Partition.h"
#include "compiler/shard/RingAttention.h"
#include "dialects/kinu/Composites.h"
#include "dialects/kinu/KeyBounds.h"
#include "dialects/kinu/OpCosts.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

static Value number(OpBuilder &b, Location loc, int64_t x) { return ConstantOp::create(b, loc, x); }

std::optional<Ring> Partition::ringOf(const Sharding &queries, Value q, Value k, StringAttr query, StringAttr key,
                                      Region &score) {
  SmallVector<unsigned> over = splitters(rules.natural(typeOf(k)), key);
  if (over.size() != 1 || splitters(queries, query) != over)
    return std::nullopt;
  unsigned on = over[0];
  int64_t allQueries = typeOf(q).length(query), allKeys = typeOf(k).length(key);
  bool balanced = rules.isBalanced(query, on, allQueries);
  if (balanced != rules.isBalanced(key, on, allKeys))
    return std::nullopt;
  KeyBounds bounds = keyBounds(score, query, key);
  Ring ring{on,
            rules.degrees[on],
            query,
            key,
            allQueries,
            allKeys,
            queries,
            queries,
            balanced ? 2 : 1,
            bounds.most && *bounds.most <= 0};
  ring.keys[on] = OnMeshAxis::splitAlong(key);
  return ring;
}

/// The place of the rank whose keys this one meets in a step.
Value Partition::metInStep(Location loc, const Ring &ring, int64_t step) {
  Value place = values.coordinate(ring.on);
  if (step == 0)
    return place;
  return ModOp::create(b, loc, AddOp::create(b, loc, place, number(b, loc, ring.ranks - step)),
                       number(b, loc, ring.ranks));
}

/// Where in the whole axis a run begins of the rank at that place.
static Value originOfRun(OpBuilder &b, Location loc, const Ring &ring, Value place, int64_t run, int64_t length) {
  if (run == 1)
    place = SubOp::create(b, loc, number(b, loc, 2 * ring.ranks - 1), place);
  return MulOp::create(b, loc, place, number(b, loc, length));
}

/// The `length` elements along an axis that begin at `first`.
static Value piece(OpBuilder &b, Value value, StringAttr axis, int64_t length, Value first) {
  if (!typeOf(value).has(axis) || typeOf(value).length(axis) == length)
    return value;
  Location loc = value.getLoc();
  auto whole = StringAttr::get(b.getContext(), "whole." + axis.getValue());
  Axis part{axis, length};
  Value place = IndexOp::create(b, loc, NamedTensorType::get(b.getContext(), {part}, b.getI64Type()));
  SmallVector<Axis> axes(typeOf(value).getAxes());
  axes[typeOf(value).find(axis)] = part;
  return LookupOp::create(b, loc, typeOf(value).withAxes(axes), RenameOp::create(b, loc, value, axis, whole),
                          b.getArrayAttr({whole}), ValueRange{AddOp::create(b, loc, place, first)}, FloatAttr());
}

static Value runOf(OpBuilder &b, Value value, StringAttr axis, int64_t length, int64_t run) {
  return piece(b, value, axis, length, number(b, value.getLoc(), run * length));
}

/// Runs one behind another.
static Value joined(OpBuilder &b, ArrayRef<Value> runs, StringAttr axis) {
  if (runs.size() == 1)
    return runs[0];
  Location loc = runs[0].getLoc();
  SmallVector<Value> parts;
  SmallVector<Attribute> names;
  SmallVector<Axis> axes(typeOf(runs[0]).getAxes());
  int64_t place = typeOf(runs[0]).find(axis);
  axes[place].length *= runs.size();
  for (auto [i, run] : llvm::enumerate(runs)) {
    auto name = StringAttr::get(b.getContext(), "run" + Twine(i) + "." + axis.getValue());
    names.push_back(name);
    parts.push_back(RenameOp::create(b, loc, run, axis, name));
  }
  return ConcatOp::create(b, loc, typeOf(runs[0]).withAxes(axes), parts, b.getArrayAttr(names), axis);
}

/// Extras that have numbers for keys alone go around with these; one for each pair is computed by the queries' rank,
/// for all keys.
static bool goesAround(Value extra, const Ring &ring) {
  return typeOf(extra).has(ring.key) && !typeOf(extra).has(ring.query);
}

SmallVector<Value> Partition::extrasOfRank(OperandRange extras, const Ring &ring) {
  SmallVector<Value> own;
  for (Value extra : extras)
    own.push_back(local(extra, goesAround(extra, ring) ? ring.keys : ring.queries));
  return own;
}

/// Sends on what goes around.
void Partition::turn(const Ring &ring, MutableArrayRef<Value> moving) {
  for (Value &value : moving)
    value = tofu::ShiftOp::create(b, value.getLoc(), value.getType(), value, rules.names[ring.on]);
}

void Partition::turnExtras(const Ring &ring, OperandRange wholes, MutableArrayRef<Value> own) {
  for (auto [whole, extra] : llvm::zip(wholes, own))
    if (goesAround(whole, ring))
      turn(ring, extra);
}

namespace {
/// A run of the rank's queries and one of the keys that it has now, by number and origin.
struct Pair {
  int64_t queries, keys;
  Value ofQueries, ofKeys;
};
} // namespace

/// Calls `body` for the pairs of runs of a step that see one another.
static void forPairs(OpBuilder &b, Location loc, const Ring &ring, Value self, Value met,
                     llvm::function_ref<void(const Pair &)> body) {
  for (int64_t queries = 0; queries < ring.runs; ++queries)
    for (int64_t keys = 0; keys < ring.runs; ++keys)
      if (!ring.isHidden(queries, keys))
        body({queries, keys, originOfRun(b, loc, ring, self, queries, ring.queriesOfRun()),
              originOfRun(b, loc, ring, met, keys, ring.keysOfRun())});
}

static SmallVector<Value> extrasOfPair(OpBuilder &b, ArrayRef<Value> own, OperandRange wholes, const Ring &ring,
                                       const Pair &pair) {
  SmallVector<Value> given;
  for (auto [extra, whole] : llvm::zip(own, wholes)) {
    Value here = runOf(b, extra, ring.query, ring.queriesOfRun(), pair.queries);
    given.push_back(goesAround(whole, ring) ? runOf(b, here, ring.key, ring.keysOfRun(), pair.keys)
                                            : piece(b, here, ring.key, ring.keysOfRun(), pair.ofKeys));
  }
  return given;
}

void Partition::regionOfPair(Region &region, const Ring &ring, Value ofQueries, Value ofKeys,
                             SmallVectorImpl<Value> &origins) {
  Sharding others = ring.queries;
  others[ring.on] = {};
  localRegion(region, others, origins);
  runOfRegion(region, {ring.query, ring.queriesOfRun()}, ofQueries, origins);
  runOfRegion(region, {ring.key, ring.keysOfRun()}, ofKeys, origins);
}

namespace {
/// Attention over some of the keys, in fp32; of queries that have seen none the logsumexp is -inf.
struct Seen {
  Value result, logsumexp;
};
} // namespace

static Seen merge(OpBuilder &b, Location loc, Seen x, Seen y) {
  if (!x.result)
    return y;
  Value lowest = ConstantOp::create(b, loc, -std::numeric_limits<double>::infinity());
  Value zero = ConstantOp::create(b, loc, 0.0), one = ConstantOp::create(b, loc, 1.0);
  Value most = MaxOp::create(b, loc, x.logsumexp, y.logsumexp);
  Value alive = CompareOp::create(b, loc, ComparePredicate::gt, most, lowest);
  Value shift = SelectOp::create(b, loc, alive, most, zero);
  auto weight = [&](Value logsumexp) -> Value {
    return ExpOp::create(b, loc, logsumexp.getType(), SubOp::create(b, loc, logsumexp, shift));
  };
  Value ofX = weight(x.logsumexp), ofY = weight(y.logsumexp);
  Value sum = SelectOp::create(b, loc, alive, AddOp::create(b, loc, ofX, ofY), one);
  Value both = AddOp::create(b, loc, MulOp::create(b, loc, x.result, ofX), MulOp::create(b, loc, y.result, ofY));
  Value log = AddOp::create(b, loc, LogOp::create(b, loc, sum.getType(), sum), shift);
  return {DivOp::create(b, loc, both, sum), SelectOp::create(b, loc, alive, log, lowest)};
}

static Value inType(OpBuilder &b, Value value, NamedTensorType type) {
  return typeOf(value).getElement() == type.getElement()
             ? value
             : CastOp::create(b, value.getLoc(), value, type.getElement()).getResult();
}

static NamedTensorType inFp32(NamedTensorType type) { return type.withElement(Float32Type::get(type.getContext())); }

static NamedTensorType withLength(NamedTensorType type, StringAttr axis, int64_t length) {
  SmallVector<Axis> axes(type.getAxes());
  axes[type.find(axis)].length = length;
  return type.withAxes(axes);
}

LogicalResult Partition::ringAttention(AttentionOp op, const Ring &ring) {
  Location loc = op.getLoc();
  NamedTensorType result = op.getResult().getType(), logsumexp = op.getLogsumexp().getType();
  Sharding here = rules.restrict(ring.queries, result), ofRow = rules.restrict(ring.queries, logsumexp);
  auto ofRun = [&](NamedTensorType whole, const Sharding &sharding) {
    return withLength(inFp32(rules.local(whole, sharding)), ring.query, ring.queriesOfRun());
  };
  Value q = local(op.getQ(), ring.queries);
  SmallVector<Value> block{local(op.getK(), ring.keys), local(op.getV(), ring.keys)};
  SmallVector<Value> own = extrasOfRank(op.getExtras(), ring);
  sinkFreeOps(op.getScore());
  SmallVector<Seen> seen(ring.runs);
  for (int64_t step = 0; step < ring.ranks; ++step) {
    if (step > 0) {
      turn(ring, block);
      turnExtras(ring, op.getExtras(), own);
    }
    forPairs(b, loc, ring, values.coordinate(ring.on), metInStep(loc, ring, step), [&](const Pair &pair) {
      SmallVector<Value> extras = extrasOfPair(b, own, op.getExtras(), ring, pair);
      IRMapping mapping;
      Region score;
      op.getScore().cloneInto(&score, mapping);
      regionOfPair(score, ring, pair.ofQueries, pair.ofKeys, extras);
      auto made = AttentionOp::create(b, loc, ofRun(result, here), ofRun(logsumexp, ofRow),
                                      runOf(b, q, ring.query, ring.queriesOfRun(), pair.queries),
                                      runOf(b, block[0], ring.key, ring.keysOfRun(), pair.keys),
                                      runOf(b, block[1], ring.key, ring.keysOfRun(), pair.keys), extras, op.getSum(),
                                      op.getQuery(), op.getKey(), op.getPromoteAttr());
      made.getScore().takeBody(score);
      made->setAttr(kSomeKeys, b.getUnitAttr());
      Seen &all = seen[pair.queries];
      all = merge(b, loc, all, {made.getResult(), made.getLogsumexp()});
    });
  }
  // As of a whole attention: 0 for a query that sees no key.
  Value lowest = ConstantOp::create(b, loc, -std::numeric_limits<double>::infinity());
  SmallVector<Value> results, logsumexps;
  for (const Seen &run : seen) {
    Value alive = CompareOp::create(b, loc, ComparePredicate::gt, run.logsumexp, lowest);
    results.push_back(inType(b, run.result, result));
    logsumexps.push_back(SelectOp::create(b, loc, alive, run.logsumexp, ConstantOp::create(b, loc, 0.0)));
  }
  values.set(op.getResult(), joined(b, results, ring.query), here);
  values.set(op.getLogsumexp(), joined(b, logsumexps, ring.query), ofRow);
  return success();
}

/// The gradients of one pair of runs.
AttentionBackwardOp Partition::backwardOfPair(AttentionBackwardOp op, const Ring &ring, Value ofQueries, Value ofKeys,
                                              ArrayRef<Value> operands, SmallVector<Value> extras) {
  IRMapping mapping;
  Region score, backward;
  op.getScore().cloneInto(&score, mapping);
  op.getScoreBackward().cloneInto(&backward, mapping);
  SmallVector<Value> forwardOrigins, backwardOrigins;
  regionOfPair(score, ring, ofQueries, ofKeys, forwardOrigins);
  regionOfPair(backward, ring, ofQueries, ofKeys, backwardOrigins);
  shareExtras(score, backward, op.getExtras().size(), forwardOrigins, backwardOrigins);
  llvm::append_range(extras, forwardOrigins);
  llvm::append_range(extras, backwardOrigins);
  auto made = AttentionBackwardOp::create(b, op.getLoc(), inFp32(typeOf(operands[0])), inFp32(typeOf(operands[1])),
                                          inFp32(typeOf(operands[2])), operands[0], operands[1], operands[2],
                                          operands[3], operands[4], operands[5], extras, op.getSum(), op.getQuery(),
                                          op.getKey(), op.getPromoteAttr());
  made.getScore().takeBody(score);
  made.getScoreBackward().takeBody(backward);
  return made;
}

LogicalResult Partition::ringAttentionBackward(AttentionBackwardOp op, const Ring &ring) {
  Location loc = op.getLoc();
  SmallVector<Value> operands;
  for (Value operand : {op.getQ(), op.getK(), op.getV(), op.getResult(), op.getLogsumexp(), op.getGradient()})
    operands.push_back(local(operand, operand == op.getK() || operand == op.getV() ? ring.keys : ring.queries));
  SmallVector<Value> own = extrasOfRank(op.getExtras(), ring), extras = own;
  sinkFreeOps(op.getScore());
  sinkFreeOps(op.getScoreBackward());
  auto add = [&](Value &sum, Value x) { sum = sum ? AddOp::create(b, loc, sum, x).getResult() : x; };
  SmallVector<Value> dq(ring.runs), dk(ring.runs), dv(ring.runs), block{operands[1], operands[2]};
  auto meet = [&](int64_t step, ArrayRef<Value> keys, ArrayRef<Value> extras) {
    forPairs(b, loc, ring, values.coordinate(ring.on), metInStep(loc, ring, step), [&](const Pair &pair) {
      SmallVector<Value> given;
      for (auto [i, operand] : llvm::enumerate(operands))
        given.push_back(i == 1 || i == 2 ? runOf(b, keys[i - 1], ring.key, ring.keysOfRun(), pair.keys)
                                         : runOf(b, operand, ring.query, ring.queriesOfRun(), pair.queries));
      auto made = backwardOfPair(op, ring, pair.ofQueries, pair.ofKeys, given,
                                 extrasOfPair(b, extras, op.getExtras(), ring, pair));
      add(dq[pair.queries], made.getDq());
      add(dk[pair.keys], made.getDk());
      add(dv[pair.keys], made.getDv());
    });
  };
  for (int64_t step = 1; step < ring.ranks; ++step) {
    turn(ring, block);
    turnExtras(ring, op.getExtras(), extras);
    meet(step, block, extras);
    turn(ring, dk); // after the last step they are home
    turn(ring, dv);
  }
  meet(0, {operands[1], operands[2]}, own);
  Value all[] = {joined(b, dq, ring.query), joined(b, dk, ring.key), joined(b, dv, ring.key)};
  for (auto [i, whole] : llvm::enumerate(op->getResults())) {
    Sharding sharding = i == 0 ? ring.queries : ring.keys;
    for (OnMeshAxis &on : sharding) // queries split: each rank has a part of every key's gradient
      if (on.state == OnMeshAxis::Split && !typeOf(whole).has(on.axis))
        on = OnMeshAxis::partial(ReductionKind::sum);
    values.set(whole, inType(b, all[i], typeOf(whole)), sharding);
  }
  return success();
}
