// `scatter` kernels: zero the result, or copy to it what is to be added to, then add the elements one after the other,
// each where its indices say. What is added to may lie where the result does: then it is there already.
//
// Different elements may meet in one place, so every item owns a range of places: it fills them and walks over all
// elements in order, taking those that belong to it. The sum is the same for every number of threads. Items are also
// parallel over the axes that operand and result share, but for the last one, which is walked by vectors.
#include "compiler/vectorize/VectorBlocks.h"
#include "compiler/vectorize/Vectorize.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

namespace {
/// The axes of a scatter by their part in it.
struct ScatterAxes {
  SmallVector<Axis> shared;   ///< of the result, not named by indices; without the vector axis
  SmallVector<Axis> targets;  ///< of the result, where indices point
  SmallVector<Axis> summed;   ///< of the operand or its indices
  std::optional<Axis> vector; ///< the result's last axis, if it is shared and no index depends on it
};
} // namespace

static ScatterAxes axesOf(ScatterOp op) {
  ScatterAxes axes;
  NamedTensorType result = op.getType();
  for (const Axis &axis : result.getAxes()) {
    bool isTarget = contains(op.getAxes(), axis.name.getValue());
    bool indexed = llvm::any_of(op.getIndices(), [&](Value index) { return typeOf(index).has(axis.name); });
    bool isLast = axis == result.getAxes().back();
    if (isTarget)
      axes.targets.push_back(axis);
    else if (isLast && !indexed && typeOf(op.getOperand()).has(axis.name))
      axes.vector = axis;
    else
      axes.shared.push_back(axis);
  }
  SmallVector<Value> sources{op.getOperand()};
  llvm::append_range(sources, op.getIndices());
  for (Value source : sources)
    for (const Axis &axis : typeOf(source).getAxes())
      if (contains(op.getOver(), axis.name.getValue()) && !llvm::is_contained(axes.summed, axis))
        axes.summed.push_back(axis);
  return axes;
}

namespace {
/// How the places of a scatter are dealt out: an item is a point of the shared axes and a range of the first target
/// axis.
struct PlaceRanges {
  Axis target;
  int64_t length = 1, ranges = 1, items = 1;
};
} // namespace

static PlaceRanges rangesOf(const ScatterAxes &axes) {
  PlaceRanges ranges{axes.targets.front()};
  for (const Axis &axis : axes.shared)
    ranges.items *= axis.length;
  // Each range costs another walk over the indices.
  int64_t wanted = std::min(ceilDivide(2 * kTasksAtLeast, ranges.items), ranges.target.length);
  ranges.length = ceilDivide(ranges.target.length, wanted);
  ranges.ranges = ceilDivide(ranges.target.length, ranges.length);
  ranges.items *= ranges.ranges;
  return ranges;
}

namespace {
/// Writes one item's part of the result.
struct ScatterEmitter {
  Evaluator &evaluator;
  ScatterOp op;
  const ScatterAxes &axes;
  Value initial;     ///< what is added to, an operand of the kernel; null for zeros
  Value first, last; ///< the item's range of the first target axis

  void emitStart(const Point &shared);
  void emitAdd(const Point &point);

private:
  std::pair<Point, Value> placeOf(const Point &point);
  void emitRow(const Point &point, llvm::function_ref<void(const Point &, Value mask)> body);
};
} // namespace

/// The part of the result that one element of the summed axes touches: by vectors, or a single place.
void ScatterEmitter::emitRow(const Point &point, llvm::function_ref<void(const Point &, Value)> body) {
  Emission &e = evaluator.e;
  if (axes.vector)
    emitVectors(evaluator, *axes.vector, e.i64(0), e.i64(axes.vector->length), point, body);
  else
    body(point, {});
}

/// Fills the item's places.
void ScatterEmitter::emitStart(const Point &shared) {
  Emission &e = evaluator.e;
  e.loop(first, last, 1, [&](Value i) {
    Evaluator::Scope scope(evaluator);
    Point target = shared;
    target[axes.targets.front().name] = Index::at(i);
    emitPoints(evaluator, ArrayRef(axes.targets).drop_front(), target, [&](const Point &point) {
      emitRow(point, [&](const Point &place, Value mask) {
        Value start = initial ? evaluator.evaluate(initial, place, mask) : e.constant(op.getType().getElement(), 0);
        evaluator.store(start, op.getType(), e.results[0], place, mask, axes.vector && e.shouldStream(op.getType()));
      });
    });
  });
}

/// Where an element goes, and whether that is one of the item's places.
std::pair<Point, Value> ScatterEmitter::placeOf(const Point &point) {
  Emission &e = evaluator.e;
  Value isOwn = e.i1(true);
  auto require = [&](arith::CmpIPredicate predicate, Value x, Value y) {
    isOwn = e.createOrFold<arith::AndIOp>(isOwn, arith::CmpIOp::create(e, predicate, x, y));
  };
  Point place = point;
  for (auto [name, index] : llvm::zip(op.getAxes().getAsRange<StringAttr>(), op.getIndices())) {
    Value number = resized(e, evaluator.evaluate(index, point), 64);
    StringAttr axis = StringAttr::get(e.getContext(), name.getValue());
    place[axis] = Index::at(number);
    if (axis == axes.targets.front().name) {
      require(arith::CmpIPredicate::sge, number, first);
      require(arith::CmpIPredicate::slt, number, last);
    } else if (op.getDrop()) {
      require(arith::CmpIPredicate::ult, number, e.i64(op.getType().length(axis)));
    }
  }
  return {place, isOwn};
}

void ScatterEmitter::emitAdd(const Point &point) {
  Emission &e = evaluator.e;
  NamedTensorType type = op.getType();
  auto [target, isOwn] = placeOf(point);
  e.ifThen(isOwn, [&, target = target] {
    Evaluator::Scope scope(evaluator);
    emitRow(point, [&](const Point &from, Value mask) {
      Point place = target;
      if (axes.vector)
        place[axes.vector->name] = from.find(axes.vector->name)->second;
      Value element = evaluator.evaluate(op.getOperand(), from, mask);
      Value sum = evaluator.load(type, e.results[0], place, mask);
      if (isa<VectorType>(sum.getType()))
        element = e.splat(element);
      Value next = type.isFloat() ? Value(arith::AddFOp::create(e, sum, element))
                                  : Value(arith::AddIOp::create(e, sum, resized(e, element, 64)));
      evaluator.store(next, type, e.results[0], place, mask);
    });
  });
}

/// The kernel's scatter, and the operand that it is added to, null where there is none.
static std::pair<ScatterOp, Value> scatterOf(Block &block) {
  Value result = block.getTerminator()->getOperand(0);
  auto add = result.getDefiningOp<AddOp>();
  if (!add)
    return {result.getDefiningOp<ScatterOp>(), {}};
  unsigned from = isa_and_nonnull<ScatterOp>(add->getOperand(1).getDefiningOp()) ? 1 : 0;
  Value initial = add->getOperand(1 - from);
  auto scatter = add->getOperand(from).getDefiningOp<ScatterOp>();
  return {isa<BlockArgument>(initial) ? scatter : ScatterOp(), initial};
}

llvm::Expected<Lowered> vectorize::lowerScatter(step::KernelOp kernel, const machines::Machine &machine) {
  Block &block = kernel.getBody().front();
  auto [op, initial] = scatterOf(block);
  if (!op || op.getType().isBool())
    return llvm::createStringError("kernel " + kernel.getSymName() +
                                   ": a scatter kernel yields a kinu.scatter of numbers, or its sum with an operand");
  Emission e(kernel, machine);
  Evaluator evaluator(e);
  for (auto [argument, pointer] : llvm::zip(block.getArguments(), e.operands))
    evaluator.bindMemory(argument, pointer);

  ScatterAxes axes = axesOf(op);
  PlaceRanges ranges = rangesOf(axes);
  Value start = initial ? e.operands[cast<BlockArgument>(initial).getArgNumber()] : Value();
  double operations = double(typeOf(op.getOperand()).getNumElements());
  double moved = operations + double(op.getType().getNumElements());
  int64_t perTask = itemsPerTask(ranges.items, moved / double(ranges.items));
  emitItems(evaluator, ranges.items, perTask, [&, op = op, initial = initial](Value item) {
    Value first = e.mul(e.rem(item, ranges.ranges), ranges.length);
    Value last = e.smaller(e.add(first, ranges.length), e.i64(ranges.target.length));
    Point shared = pointOf(e, e.div(item, ranges.ranges), axes.shared);
    ScatterEmitter emitter{evaluator, op, axes, initial, first, last};
    if (start)
      e.ifThen(LLVM::ICmpOp::create(e, LLVM::ICmpPredicate::ne, start, e.results[0]),
               [&] { emitter.emitStart(shared); });
    else
      emitter.emitStart(shared);
    emitPoints(evaluator, axes.summed, shared, [&](const Point &point) { emitter.emitAdd(point); });
  });
  if (axes.vector && e.shouldStream(op.getType()))
    e.endStreams();
  if (evaluator.unsupported())
    return llvm::createStringError("kernel " + kernel.getSymName() + ": an operand of its scatter has no code");
  llvm::Expected<OwningOpRef<ModuleOp>> module = e.finish();
  if (!module)
    return module.takeError();
  return Lowered{std::move(*module), ceilDivide(ranges.items, perTask), 0, operations, 0, ""};
}
