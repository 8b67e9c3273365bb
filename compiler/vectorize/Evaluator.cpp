// The evaluator's memory of what it computed, and loads and stores at a point.
#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/Float16.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

/// Whether the point has an index for every axis of the type.
static bool isPlaced(NamedTensorType type, const Point &point) {
  return llvm::all_of(type.getAxes(), [&](const Axis &axis) { return point.contains(axis.name); });
}

Value vectorize::resized(Emission &e, Value number, unsigned bits) {
  unsigned now = getElementTypeOrSelf(number).getIntOrFloatBitWidth();
  Type type = Emission::shaped(number, e.getIntegerType(bits));
  if (now == bits)
    return number;
  return now < bits ? Value(arith::ExtSIOp::create(e, type, number)) : Value(arith::TruncIOp::create(e, type, number));
}

Value vectorize::numbersOf(Emission &e, const Index &index, bool narrow) {
  unsigned bits = narrow ? 32 : 64;
  Value number = resized(e, index.value, bits);
  if (index.kind != Index::Lanes)
    return number;
  return arith::AddIOp::create(e, e.splat(number), e.laneNumbers(e.getIntegerType(bits)));
}

Evaluator::Key Evaluator::keyOf(Value value, const Point &point, Value mask) {
  Key key{value.getAsOpaquePointer(), mask.getAsOpaquePointer()};
  for (const Axis &axis : typeOf(value).getAxes()) {
    auto found = point.find(axis.name);
    if (found == point.end())
      continue;
    key.push_back(reinterpret_cast<const void *>(uintptr_t(found->second.kind)));
    key.push_back(found->second.value.getAsOpaquePointer());
  }
  return key;
}

Value Evaluator::find(const Key &key) const {
  for (const Memo &scope : llvm::reverse(memo))
    if (auto found = scope.find(key); found != scope.end())
      return found->second;
  return {};
}

void Evaluator::define(Value value, const Point &point, Value is) { memo.back()[keyOf(value, point, {})] = is; }

Value Evaluator::evaluate(Value value, const Point &point, Value mask) {
  // What was computed without a mask holds in every lane.
  if (Value whole = find(keyOf(value, point, {})))
    return whole;
  Key key = keyOf(value, point, mask);
  if (Value found = find(key))
    return found;
  Value result = compute(value, point, mask);
  memo.back()[key] = result;
  return result;
}

Value Evaluator::compute(Value value, const Point &point, Value mask) {
  Operation *op = value.getDefiningOp();
  if (auto found = memory.find(value); found != memory.end()) {
    auto [pointer, layout] = found->second;
    return isPlaced(layout, point) ? load(layout, pointer, point, mask) : fail(value.getParentBlock()->getParentOp());
  }
  if (!op)
    return fail(value.getParentBlock()->getParentOp());
  if (op->hasTrait<Elementwise>() || isa<ConstantOp>(op))
    return evaluateElementwise(op, point, mask);
  if (auto random = dyn_cast<RandomOp>(op))
    return evaluateRandom(random, point, mask);
  return evaluateAxes(op, point, mask);
}

Value Evaluator::fail(Operation *op) {
  if (!failed)
    failed = op;
  // Any value will do: the code is thrown away.
  NamedTensorType type = op->getNumResults() ? typeOf(op->getResult(0)) : NamedTensorType();
  Type element = !type || type.isFloat() ? Type(real) : type.isBool() ? Type(e.getI1Type()) : Type(e.getI64Type());
  return e.constant(element, 0);
}

namespace {
/// A place in memory: `index`, counted in elements, and what each lane adds to it.
struct Place {
  enum Kind { Scalar, Contiguous, Scattered } kind = Scalar;
  Value index;
  Value lanes; ///< of Scattered
};
} // namespace

/// Where an element of `type` lies for `point`, row-major.
static Place placeOf(Emission &e, NamedTensorType type, const Point &point) {
  Place place;
  place.index = e.i64(0);
  bool narrow = type.getNumElements() <= INT32_MAX;
  int64_t stride = 1;
  for (const Axis &axis : llvm::reverse(type.getAxes())) {
    const Index &index = point.find(axis.name)->second;
    if (index.kind != Index::Vector)
      place.index = e.add(place.index, e.mul(index.value, stride));
    if (index.kind == Index::Lanes && stride == 1 && place.kind == Place::Scalar) {
      place.kind = Place::Contiguous;
    } else if (index.varies()) {
      Type element = e.getIntegerType(narrow ? 32 : 64);
      Value numbers = index.kind == Index::Vector ? resized(e, index.value, narrow ? 32 : 64) : e.laneNumbers(element);
      if (place.kind == Place::Contiguous)
        place.lanes = e.laneNumbers(element);
      Value step = arith::MulIOp::create(e, numbers, e.constantInt(numbers.getType(), stride));
      place.lanes = place.lanes ? arith::AddIOp::create(e, place.lanes, step) : step;
      place.kind = Place::Scattered;
    }
    stride *= axis.length;
  }
  return place;
}

/// The type of an element in memory: bools are bytes.
static Type storedType(Emission &e, NamedTensorType type) {
  return type.isBool() ? Type(e.getI8Type()) : type.isInt() ? type.getElement() : loadedType(e, type.getElement());
}

Value Evaluator::load(NamedTensorType type, Value pointer, const Point &point, Value mask) {
  Place place = placeOf(e, type, point);
  Type element = storedType(e, type);
  Value loaded = place.kind == Place::Scalar ? e.load(element, pointer, place.index)
                 : place.kind == Place::Contiguous
                     ? e.loadVector(element, pointer, place.index, mask)
                     : e.gather(element, e.address(pointer, element, place.index), place.lanes, mask);
  if (type.isBool())
    return arith::CmpIOp::create(e, arith::CmpIPredicate::ne, loaded, e.constantInt(loaded.getType(), 0));
  if (!type.isFloat())
    return loaded;
  if (!type.getElement().isF32())
    loaded = emitWiden(e, loaded);
  return real.isF32() ? loaded : Value(arith::ExtFOp::create(e, Emission::shaped(loaded, real), loaded));
}

void Evaluator::fetch(NamedTensorType type, Value pointer, const Point &point, bool toWrite, int level) {
  if (!isPlaced(type, point))
    return;
  Place place = placeOf(e, type, point);
  if (place.kind != Place::Contiguous)
    return;
  Value at = e.address(pointer, storedType(e, type), place.index);
  if (toWrite)
    e.fetchToWrite(at);
  else
    e.fetch(at, level);
}

void Evaluator::store(Value computed, NamedTensorType type, Value pointer, const Point &point, Value mask,
                      bool streams) {
  Type element = storedType(e, type), shape = Emission::shaped(computed, element);
  if (type.isBool())
    computed = arith::ExtUIOp::create(e, shape, computed);
  else if (type.isInt())
    computed = resized(e, computed, 64);
  else if (type.isFloat() && !real.isF32())
    computed = arith::TruncFOp::create(e, Emission::shaped(computed, e.getF32Type()), computed);
  if (type.isFloat() && !element.isF32())
    computed = emitNarrow(e, computed, type.getElement());
  Place place = placeOf(e, type, point);
  if (place.kind == Place::Scalar)
    e.store(computed, pointer, place.index);
  else if (place.kind == Place::Contiguous)
    e.storeVector(e.splat(computed), pointer, place.index, mask, streams);
  else
    e.scatter(e.splat(computed), e.address(pointer, element, place.index), place.lanes, mask);
}
