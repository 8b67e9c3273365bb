// `random`: Philox4x32-10 in vectors of 32-bit ints. runtime/Philox.h is the definition.
#include "compiler/vectorize/Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static Value wrapped(Emission &e, Value x, uint32_t constant) {
  return e.constantInt(x.getType(), static_cast<int32_t>(constant));
}

/// Ten rounds over counter words that are scalars or vectors of i32; returns word 0. Keys are scalars.
static Value philoxWord(Emission &e, std::array<Value, 4> counter, std::array<Value, 2> key) {
  auto shaped = [&](Value x) { return isa<VectorType>(counter[0].getType()) ? e.splat(x) : x; };
  auto exclusiveOr = [&](Value x, Value y) -> Value { return arith::XOrIOp::create(e, x, y); };
  for (int round = 0; round < 10; ++round) {
    auto product0 = arith::MulUIExtendedOp::create(e, counter[0], wrapped(e, counter[0], 0xD2511F53u));
    auto product1 = arith::MulUIExtendedOp::create(e, counter[2], wrapped(e, counter[2], 0xCD9E8D57u));
    counter = {exclusiveOr(exclusiveOr(product1.getHigh(), counter[1]), shaped(key[0])), product1.getLow(),
               exclusiveOr(exclusiveOr(product0.getHigh(), counter[3]), shaped(key[1])), product0.getLow()};
    key[0] = arith::AddIOp::create(e, key[0], wrapped(e, key[0], 0x9E3779B9u));
    key[1] = arith::AddIOp::create(e, key[1], wrapped(e, key[1], 0xBB67AE85u));
  }
  return counter[0];
}

static Value low32(Emission &e, Value x) { return arith::TruncIOp::create(e, Emission::shaped(x, e.getI32Type()), x); }

static Value high32(Emission &e, Value x) {
  return low32(e, arith::ShRUIOp::create(e, x, e.constantInt(x.getType(), 32)));
}

/// The element's number in the global tensor, axes sorted by name: i64, scalar or vector.
static Value elementNumber(Emission &e, RandomOp op, const Point &point, Value batchOffset) {
  SmallVector<Axis> sorted(op.getType().getAxes());
  llvm::sort(sorted, [](const Axis &a, const Axis &b) { return a.name.getValue() < b.name.getValue(); });
  Value base = e.i64(0), lanes;
  int64_t stride = 1;
  for (const Axis &axis : llvm::reverse(sorted)) {
    const Index &index = point.find(axis.name)->second;
    bool batch = axis.name == "batch";
    if (index.kind != Index::Vector)
      base = e.add(base, e.mul(index.value, stride));
    if (batch)
      base = e.add(base, e.mul(batchOffset, stride));
    if (index.varies()) {
      Value numbers = index.kind == Index::Vector ? resized(e, index.value, 64) : e.laneNumbers(e.getI64Type());
      Value step = arith::MulIOp::create(e, numbers, e.constantInt(numbers.getType(), stride));
      lanes = lanes ? arith::AddIOp::create(e, lanes, step) : step;
    }
    stride *= batch ? op.getGlobalBatch() : axis.length;
  }
  return lanes ? Value(arith::AddIOp::create(e, e.splat(base), lanes)) : base;
}

Value Evaluator::evaluateRandom(RandomOp op, const Point &point, Value mask) {
  auto number = [&](Value operand) { return resized(e, evaluate(operand, Point()), 64); };
  Value key = arith::XOrIOp::create(e, number(op.getSeed()), e.i64(op.getSite()));
  Value round = e.i64(0);
  for (Value index : op.getRounds())
    round = e.add(e.mul(round, 65536), number(index));
  Value element = elementNumber(e, op, point, number(op.getBatchOffset()));
  auto shaped = [&](Value x) { return isa<VectorType>(element.getType()) ? e.splat(x) : x; };
  Value word = philoxWord(
      e, {low32(e, element), high32(e, element), shaped(low32(e, number(op.getStep()))), shaped(low32(e, round))},
      {low32(e, key), high32(e, key)});
  Value bits = arith::ShRUIOp::create(e, word, e.constantInt(word.getType(), 8));
  Value whole = arith::SIToFPOp::create(e, Emission::shaped(bits, real), bits);
  return arith::MulFOp::create(e, whole, e.constant(whole.getType(), 0x1p-24));
}
