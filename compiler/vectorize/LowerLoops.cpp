// `loops` kernels: elementwise chains, norms, softmax, sums, optimizer updates.
//
// For every point of the row axes: a pass over the inner axes for each level of reductions, then one that writes.
// Vectors lie along one axis. Along an inner axis, each reduction has several partial sums per lane, combined at the
// end of the pass; along a row axis, every lane is a row of its own and the inner loops are plain loops.
#include "compiler/vectorize/CollapseAxes.h"
#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/Items.h"
#include "compiler/vectorize/LoopPlan.h"
#include "compiler/vectorize/NextLookups.h"
#include "compiler/vectorize/NextRow.h"
#include "compiler/vectorize/Reduction.h"
#include "compiler/vectorize/Tasks.h"
#include "compiler/vectorize/Vectorize.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

namespace {
/// Vectors side by side along the vector axis, or a single point; `mask` leaves out lanes beyond the end of the axis.
struct Group {
  SmallVector<Point, 4> points;
  Value mask;
};

/// What one step of a pass does: given the points and where in the carried sums its first one goes, gives the next
/// sums.
using Step = llvm::function_ref<SmallVector<Value>(const Group &, unsigned firstSlot, ValueRange sums)>;

/// Walks the vectors of a block of columns: gives their index and where they are in the block, both in elements.
using ColumnLoop =
    llvm::function_ref<void(llvm::function_ref<void(const Index &index, Value inBlock, Value mask)> body)>;

class LoopEmitter {
public:
  LoopEmitter(Emission &e, Evaluator &evaluator, step::KernelOp kernel, const LoopPlan &plan, const TaskSplit &split)
      : e(e), evaluator(evaluator), kernel(kernel), plan(plan), split(split) {}

  void emitTasks();

private:
  void emitItem(Value item);
  void emitRowVectors(const Point &point, Value block);
  void emitColumns(const Point &point, Value block);
  void fetchOperands(StringAttr axis, const Point &point);
  void emitColumnSums(ArrayRef<Axis> axes, const Point &point, ColumnLoop columns);
  void emitRows(const Group &rows);
  void emitPass(const RowPass &pass, const Group &rows);
  SmallVector<Value> emitNest(ArrayRef<Axis> axes, const Group &group, ValueRange sums, Step step);
  SmallVector<Value> emitVectors(const Point &point, unsigned slots, ValueRange sums, Step step);
  void keepValues(const RowPass &pass, const Point &point, Value mask);
  void writeResults(ArrayRef<int64_t> numbers, const Point &point, Value mask);
  bool streams(int64_t result);
  Value scratchAt(int64_t offset) { return e.address(e.scratch, e.getI8Type(), e.i64(offset)); }
  Group lanesFrom(const Point &point, Value base, int64_t multiple, unsigned count, Value mask);

  Emission &e;
  Evaluator &evaluator;
  step::KernelOp kernel;
  const LoopPlan &plan;
  const TaskSplit &split;
  NextRow nextRow{e, kernel, plan};
  size_t pass = 0; ///< the number of the one that is emitted
};
} // namespace

void LoopEmitter::emitTasks() {
  emitItems(evaluator, split.items, split.itemsPerTask, [&](Value item) { emitItem(item); });
  auto numbers = llvm::seq<int64_t>(0, e.results.size());
  if (llvm::any_of(numbers, [&](int64_t result) { return streams(result); }))
    e.endStreams();
}

/// Finds the item's place: outer axes, then the block of the vector axis, the last fastest.
void LoopEmitter::emitItem(Value item) {
  Value block = e.i64(0);
  if (split.blocks > 1) {
    block = e.mul(e.rem(item, split.blocks), split.block);
    item = e.div(item, split.blocks);
  }
  emitPoints(evaluator, split.middle, pointOf(e, item, split.outer), [&](const Point &point) {
    if (split.columns)
      emitColumns(point, block);
    else if (split.block)
      emitRowVectors(point, block);
    else
      emitRows({{point}, {}});
  });
}

Group LoopEmitter::lanesFrom(const Point &point, Value base, int64_t multiple, unsigned count, Value mask) {
  Group group{{}, mask};
  for (unsigned i = 0; i < count; ++i) {
    group.points.push_back(point);
    group.points.back()[plan.vectorAxis->name] = Index::lanesFrom(e.add(base, i * e.lanes), multiple);
  }
  return group;
}

/// The rows of one block of the vector axis: whole groups, and at the axis' end what is left, vector by vector.
void LoopEmitter::emitRowVectors(const Point &point, Value block) {
  int64_t length = plan.vectorAxis->length, step = split.group * e.lanes;
  int64_t whole = length / step * step;
  if (whole) {
    Value end = split.blocks == 1 ? e.i64(whole) : e.smaller(e.add(block, split.block), e.i64(whole));
    NextLookups next(evaluator, kernel, plan, split, point);
    e.loop(block, end, step, [&](Value base) {
      Evaluator::Scope scope(evaluator);
      for (int64_t i = 0; i < split.group; ++i)
        next.fetch(Index::lanesFrom(e.add(base, i * e.lanes), e.lanes));
      emitRows(lanesFrom(point, base, e.lanes, split.group, {}));
    });
  }
  if (whole == length)
    return;
  auto emitRest = [&] {
    for (int64_t base = whole; base < length; base += e.lanes) {
      Evaluator::Scope scope(evaluator);
      Value mask = base + e.lanes <= length ? Value() : e.firstLanes(length - base);
      emitRows(lanesFrom(point, e.i64(base), e.lanes, 1, mask));
    }
  };
  if (split.blocks == 1)
    return emitRest();
  Value isLast = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, block, e.i64((split.blocks - 1) * split.block));
  e.ifThen(isLast, emitRest);
}

/// An element as a reduction takes it: ints in 64 bits, as a vector if the sum is one.
static Value operandOf(Emission &e, Value element, Type sum) {
  Type type = getElementTypeOrSelf(sum);
  if (type.isInteger(64))
    element = resized(e, element, 64);
  return isa<VectorType>(sum) ? e.splat(element) : element;
}

/// Bytes of scratch for the sums of a block of columns, of one reduction.
static int64_t columnBytes(const TaskSplit &split) { return split.block * 8; }

static Type elementOf(Evaluator &evaluator, ReduceOp reduce) {
  return reduce.getType().isFloat() ? Type(evaluator.real) : reduce.getType().getElement();
}

/// The sums of one block of columns: kept in scratch, which is in the nearest cache, while the rows go by. So memory is
/// read in long runs, where a few columns in registers would touch a page for every vector.
void LoopEmitter::emitColumns(const Point &point, Value block) {
  int64_t length = plan.vectorAxis->length, whole = length / e.lanes * e.lanes;
  auto columns = [&](llvm::function_ref<void(const Index &, Value, Value)> body) {
    auto visit = [&](Value base, Value mask) {
      Evaluator::Scope scope(evaluator);
      body(Index::lanesFrom(base, e.lanes), e.createOrFold<arith::SubIOp>(base, block), mask);
    };
    Value end = split.blocks == 1 ? e.i64(whole) : e.smaller(e.add(block, split.block), e.i64(whole));
    e.loop(block, end, e.lanes, [&](Value base) { visit(base, {}); });
    if (whole == length)
      return;
    Value isLast = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, block, e.i64((split.blocks - 1) * split.block));
    e.ifThen(isLast, [&] { visit(e.i64(whole), e.firstLanes(length - whole)); });
  };
  ArrayRef<ReduceOp> reductions = plan.passes.front().reductions;
  columns([&](const Index &, Value inBlock, Value) {
    for (auto [i, op] : llvm::enumerate(reductions)) {
      ReduceOp reduce = op;
      e.storeVector(emitIdentity(e, reduce.getKind(), e.vectorOf(elementOf(evaluator, reduce))),
                    scratchAt(columnBytes(split) * int64_t(i)), inBlock);
    }
  });
  emitColumnSums(plan.passes.front().axes, point, columns);
  columns([&](const Index &index, Value inBlock, Value mask) {
    Point column = point;
    column[plan.vectorAxis->name] = index;
    for (auto [i, op] : llvm::enumerate(reductions)) {
      ReduceOp reduce = op;
      evaluator.define(reduce, column,
                       e.loadVector(elementOf(evaluator, reduce), scratchAt(columnBytes(split) * int64_t(i)), inBlock));
    }
    writeResults(plan.rowResults, column, mask);
  });
}

/// Starts to fetch what operands have at the point, those that are read along the vector axis and vary along `axis`.
void LoopEmitter::fetchOperands(StringAttr axis, const Point &point) {
  for (auto [argument, pointer] : llvm::zip(kernel.getBody().getArguments(), e.operands)) {
    NamedTensorType type = typeOf(argument);
    if (type.has(axis) && type.getAxes().back().name == plan.vectorAxis->name)
      evaluator.fetch(type, pointer, point, /*toWrite=*/false, 2);
  }
}

/// Adds the rows of `axes` to the sums in scratch.
void LoopEmitter::emitColumnSums(ArrayRef<Axis> axes, const Point &point, ColumnLoop columns) {
  if (axes.size() > 1)
    return e.loop(e.i64(0), e.i64(axes.front().length), 1, [&](Value i) {
      Evaluator::Scope scope(evaluator);
      Point next = point;
      next[axes.front().name] = Index::at(i);
      emitColumnSums(axes.drop_front(), next, columns);
    });
  // Several rows at once save stores. But where rows are read from end to end, x86-64's prefetchers follow one stream
  // best (Zen 4: 28 GB/s, 16 with four rows); of pieces of rows they lose it at every end, so the next rows are fetched
  // (26 GB/s, 13 without).
  StringAttr axis = axes.front().name;
  bool hasPieces = split.blocks > 1;
  int64_t length = axes.front().length, together = e.isX86() && !hasPieces && length > 8 ? 1 : 4,
          whole = length / together * together;
  auto addRows = [&](Value first, int64_t count) {
    Evaluator::Scope scope(evaluator);
    // Else LLVM keeps the sums of short rows in registers from row to row, more than there are.
    Value scratch = e.laundered(e.scratch);
    columns([&](const Index &index, Value inBlock, Value mask) {
      for (auto [i, op] : llvm::enumerate(plan.passes.front().reductions)) {
        ReduceOp reduce = op;
        Value sums = e.address(scratch, e.getI8Type(), e.i64(columnBytes(split) * int64_t(i)));
        Value sum = e.loadVector(elementOf(evaluator, reduce), sums, inBlock);
        for (int64_t row = 0; row < count; ++row) {
          Point place = point;
          place[axis] = Index::at(e.add(first, row));
          place[plan.vectorAxis->name] = index;
          Value element = evaluator.evaluate(reduce.getOperand(), place, mask);
          sum = emitCombine(e, reduce.getKind(), sum, operandOf(e, element, sum.getType()));
        }
        e.storeVector(sum, sums, inBlock);
      }
      for (int64_t row = 0; hasPieces && !mask && row < count; ++row) {
        Point place = point;
        place[axis] = Index::at(e.add(first, together + row));
        place[plan.vectorAxis->name] = index;
        fetchOperands(axis, place);
      }
    });
  };
  if (whole)
    e.loop(e.i64(0), e.i64(whole), together, [&](Value first) { addRows(first, together); });
  for (int64_t row = whole; row < length; ++row)
    addRows(e.i64(row), 1);
}

void LoopEmitter::emitRows(const Group &rows) {
  for (pass = 0; pass < plan.passes.size(); ++pass)
    emitPass(plan.passes[pass], rows);
  for (const Point &point : rows.points)
    writeResults(plan.rowResults, point, rows.mask);
}

/// Stores what later passes would compute again, in scratch.
void LoopEmitter::keepValues(const RowPass &pass, const Point &point, Value mask) {
  for (const KeptValue &kept : pass.kept)
    evaluator.store(evaluator.evaluate(kept.value, point, mask), kept.layout, scratchAt(kept.offset), point, mask);
}

/// Everything is read before anything is written: a result may lie over an operand that another result needs.
void LoopEmitter::writeResults(ArrayRef<int64_t> numbers, const Point &point, Value mask) {
  auto yielded = kernel.getBody().front().getTerminator()->getOperands();
  SmallVector<Value> values;
  for (int64_t number : numbers)
    values.push_back(evaluator.evaluate(yielded[number], point, mask));
  for (auto [number, value] : llvm::zip(numbers, values))
    evaluator.store(value, typeOf(yielded[number]), e.results[number], point, mask, streams(number));
}

/// Whether a result passes the caches by; not where the kernel has read its lines anyway.
bool LoopEmitter::streams(int64_t result) {
  for (size_t i = 0; i < kernel.getInplace().size(); i += 2)
    if (kernel.getInplace()[i] == result)
      return false;
  NamedTensorType type = typeOf(kernel.getBody().front().getTerminator()->getOperand(result));
  return plan.vectorAxis && type.has(plan.vectorAxis->name) && type.getAxes().back().name == plan.vectorAxis->name &&
         e.shouldStream(type);
}

/// Loops over `axes` around `step`, which sees the group's points extended by the loops' indices. Along the vector axis
/// the last loop goes by vectors.
SmallVector<Value> LoopEmitter::emitNest(ArrayRef<Axis> axes, const Group &group, ValueRange sums, Step step) {
  if (axes.empty())
    return step(group, 0, sums);
  if (plan.vectorAxis && axes.front().name == plan.vectorAxis->name) {
    unsigned slots = kernel.getBody().front().getOps<ReduceOp>().empty() ? 1 : 4;
    return emitVectors(group.points.front(), slots, sums, step);
  }
  return e.loop(e.i64(0), e.i64(axes.front().length), 1, sums, [&](Value i, ValueRange inner) {
    Evaluator::Scope scope(evaluator);
    Group next = group;
    for (Point &point : next.points)
      point[axes.front().name] = Index::at(i);
    return emitNest(axes.drop_front(), next, inner, step);
  });
}

/// Walks the vector axis: `slots` vectors at a time, then single ones, the last under a mask.
SmallVector<Value> LoopEmitter::emitVectors(const Point &point, unsigned slots, ValueRange sums, Step step) {
  int64_t length = plan.vectorAxis->length, stride = slots * e.lanes, whole = length / stride * stride;
  SmallVector<Value> current(sums);
  // Of many steps side by side LLVM shuffles the loads, and x86-64's prefetchers, which learn from every load's
  // address, lose the stream (Zen 4: 18 GB/s instead of 32).
  Unroll unroll = e.isX86() ? Unroll::Never : Unroll::Allowed;
  auto group = [&](Value base, ValueRange inner) {
    Evaluator::Scope scope(evaluator);
    nextRow.fetch(point, pass, base, stride);
    return step(lanesFrom(point, base, e.lanes, slots, {}), 0, inner);
  };
  if (whole)
    current = e.loop(e.i64(0), e.i64(whole), stride, sums, group, unroll);
  for (int64_t base = whole; base < length; base += e.lanes) {
    Evaluator::Scope scope(evaluator);
    Value mask = base + e.lanes <= length ? Value() : e.firstLanes(length - base);
    current = step(lanesFrom(point, e.i64(base), e.lanes, 1, mask), (base - whole) / e.lanes, current);
  }
  return current;
}

namespace {
/// The partial sums of one reduction: `slots` of them from `first` on in the carried values.
struct PartialSums {
  ReduceOp reduce;
  unsigned first, slots;
};
} // namespace

/// One pass: all its reductions and results over its axes, for the rows of a group.
void LoopEmitter::emitPass(const RowPass &pass, const Group &rows) {
  bool alongPass = plan.vectorAxis && !plan.vectorsAreRows() && pass.has(plan.vectorAxis->name);
  SmallVector<PartialSums> partials;
  SmallVector<Value> sums;
  for (ReduceOp reduce : pass.reductions) {
    NamedTensorType type = reduce.getType();
    bool inLanes = alongPass || (plan.vectorsAreRows() && type.has(plan.vectorAxis->name));
    unsigned slots = alongPass ? 4 : inLanes ? rows.points.size() : 1;
    Type element = type.isFloat() ? Type(evaluator.real) : type.getElement();
    partials.push_back({reduce, static_cast<unsigned>(sums.size()), slots});
    Value identity = emitIdentity(e, reduce.getKind(), inLanes ? Type(e.vectorOf(element)) : element);
    sums.append(slots, identity);
  }

  auto step = [&](const Group &group, unsigned firstSlot, ValueRange before) {
    SmallVector<Value> after(before);
    for (PartialSums partial : partials)
      for (auto [i, point] : llvm::enumerate(ArrayRef(group.points).take_front(partial.slots))) {
        Value &sum = after[partial.first + (firstSlot + i) % partial.slots];
        Value element = operandOf(e, evaluator.evaluate(partial.reduce.getOperand(), point, group.mask), sum.getType());
        Value next = emitCombine(e, partial.reduce.getKind(), sum, element);
        bool masked = group.mask && isa<VectorType>(sum.getType());
        sum = masked ? Value(arith::SelectOp::create(e, group.mask, next, sum)) : next;
      }
    for (const Point &point : group.points)
      keepValues(pass, point, group.mask);
    for (const Point &point : group.points)
      writeResults(pass.results, point, group.mask);
    return after;
  };
  // The vector axis goes into the innermost loop.
  SmallVector<Axis> axes;
  for (const Axis &axis : pass.axes)
    if (!alongPass || axis.name != plan.vectorAxis->name)
      axes.push_back(axis);
  if (alongPass)
    axes.push_back(*plan.vectorAxis);
  sums = emitNest(axes, rows, sums, step);

  for (const KeptValue &kept : pass.kept)
    evaluator.bindMemory(kept.value, scratchAt(kept.offset), kept.layout);
  for (PartialSums partial : partials) {
    ReductionKind kind = partial.reduce.getKind();
    auto slots = MutableArrayRef<Value>(sums).slice(partial.first, partial.slots);
    if (alongPass) {
      for (unsigned half = slots.size() / 2; half; half /= 2)
        for (unsigned i = 0; i < half; ++i)
          slots[i] = emitCombine(e, kind, slots[i], slots[i + half]);
      evaluator.define(partial.reduce, rows.points.front(), emitAcrossLanes(e, kind, slots[0]));
      continue;
    }
    for (auto [point, sum] : llvm::zip(rows.points, slots))
      evaluator.define(partial.reduce, point, sum);
  }
}

llvm::Expected<Lowered> vectorize::lowerLoops(step::KernelOp original, const machines::Machine &machine) {
  OwningOpRef<step::KernelOp> owned = original.clone();
  step::KernelOp kernel = *owned;
  collapseAxes(kernel);
  bool inDouble = kernel->hasAttr("kinu.double");
  Emission e(kernel, machine);
  Evaluator evaluator(e);
  if (inDouble)
    evaluator.real = e.getF64Type();
  for (auto [argument, pointer] : llvm::zip(kernel.getBody().getArguments(), e.operands))
    evaluator.bindMemory(argument, pointer);
  LoopPlan plan = planLoops(kernel, inDouble ? 1 : e.lanes);
  TaskSplit split = splitTasks(kernel, plan, e.lanes);
  if (split.columns)
    plan.scratchBytes = columnBytes(split) * int64_t(plan.passes.front().reductions.size());
  LoopEmitter(e, evaluator, kernel, plan, split).emitTasks();
  if (Operation *op = evaluator.unsupported())
    return llvm::createStringError("kernel " + original.getSymName() + ": a loops kernel cannot hold " +
                                   op->getName().getStringRef());
  llvm::Expected<OwningOpRef<ModuleOp>> module = e.finish();
  if (!module)
    return module.takeError();
  return Lowered{std::move(*module), split.tasks, plan.scratchBytes, countOperations(kernel), 0, ""};
}
