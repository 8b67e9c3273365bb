// Levels of reductions, passes, and the choice of the vector axis.
#include "compiler/vectorize/LoopPlan.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

bool RowPass::has(StringAttr axis) const {
  return llvm::any_of(axes, [&](const Axis &other) { return other.name == axis; });
}

int64_t RowPass::size() const {
  int64_t points = 1;
  for (const Axis &axis : axes)
    points *= axis.length;
  return points;
}

bool LoopPlan::isRow(StringAttr axis) const {
  return llvm::any_of(rows, [&](const Axis &row) { return row.name == axis; });
}

bool LoopPlan::reducesColumns() const {
  return vectorsAreRows() && passes.size() == 1 && passes.front().results.empty() && !passes.front().axes.empty() &&
         llvm::all_of(passes.front().reductions, [&](ReduceOp reduce) {
           return reduce.getType().has(vectorAxis->name) && !reduce.getType().isBool();
         });
}

static OperandRange resultsOf(step::KernelOp kernel) { return kernel.getBody().front().getTerminator()->getOperands(); }

/// Axes as they are walked: as results have them, and what is reduced. An operand of which a part is looked up may have
/// an axis of the same name that is longer.
static SmallVector<Axis> walkedAxes(step::KernelOp kernel) {
  SmallVector<Value> walked(resultsOf(kernel));
  for (auto reduce : kernel.getBody().front().getOps<ReduceOp>())
    walked.push_back(reduce.getOperand());
  SmallVector<Axis> axes;
  for (Value value : walked)
    for (const Axis &axis : typeOf(value).getAxes())
      if (llvm::none_of(axes, [&](const Axis &other) { return other.name == axis.name; }))
        axes.push_back(axis);
  return axes;
}

/// The axes that are walked, in the order in which the largest buffers have them: the loops follow memory.
static SmallVector<Axis> axesInMemoryOrder(step::KernelOp kernel) {
  SmallVector<Value> buffers(resultsOf(kernel));
  llvm::append_range(buffers, kernel.getBody().getArguments());
  llvm::stable_sort(buffers, [](Value a, Value b) { return typeOf(a).getNumElements() > typeOf(b).getNumElements(); });
  // Axes that only values between operands and results have come last.
  for (Operation &op : kernel.getBody().front())
    llvm::append_range(buffers, op.getResults());
  SmallVector<Axis> walked = walkedAxes(kernel), axes;
  for (Value buffer : buffers)
    for (const Axis &axis : typeOf(buffer).getAxes()) {
      auto *here = llvm::find_if(walked, [&](const Axis &other) { return other.name == axis.name; });
      if (here != walked.end() && !llvm::is_contained(axes, *here))
        axes.push_back(*here);
    }
  return axes;
}

namespace {
/// How many reductions must be done, one after the other, before a value can be computed.
class Levels {
public:
  int64_t of(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return 0;
    if (auto found = known.find(value); found != known.end())
      return found->second;
    int64_t level = 0;
    for (Value operand : op->getOperands())
      level = std::max(level, of(operand));
    level += isa<ReduceOp>(op);
    return known[value] = level;
  }

private:
  llvm::DenseMap<Value, int64_t> known;
};
} // namespace

static bool sameAxes(ArrayRef<Axis> x, ArrayRef<Axis> y) {
  return x.size() == y.size() && llvm::all_of(x, [&](const Axis &axis) { return llvm::is_contained(y, axis); });
}

/// The pass at `level` over `axes`, made if there is none.
static RowPass &passFor(std::vector<std::pair<int64_t, RowPass>> &passes, int64_t level, ArrayRef<Axis> axes) {
  for (auto &[other, pass] : passes)
    if (other == level && sameAxes(pass.axes, axes))
      return pass;
  passes.push_back({level, RowPass{SmallVector<Axis>(axes), {}, {}}});
  return passes.back().second;
}

/// A result is written in the first pass over its axes that can; one that shares memory with an operand only when all
/// reductions are done, since a later pass may still read the operand.
static void placeResults(step::KernelOp kernel, Levels &levels, llvm::function_ref<SmallVector<Axis>(Value)> innerAxes,
                         LoopPlan &plan, std::vector<std::pair<int64_t, RowPass>> &passes, int64_t lastLevel) {
  llvm::SmallDenseSet<int64_t> shared;
  for (size_t i = 0; i < kernel.getInplace().size(); i += 2)
    shared.insert(kernel.getInplace()[i]);
  for (auto [number, result] : llvm::enumerate(resultsOf(kernel))) {
    SmallVector<Axis> inner = innerAxes(result);
    if (inner.empty()) {
      plan.rowResults.push_back(number);
      continue;
    }
    int64_t level = shared.contains(number) ? lastLevel : levels.of(result);
    auto *early = std::find_if(passes.data(), passes.data() + passes.size(), [&](const auto &entry) {
      return entry.first >= level && sameAxes(entry.second.axes, inner);
    });
    RowPass &pass = early != passes.data() + passes.size() ? early->second : passFor(passes, lastLevel, inner);
    pass.results.push_back(number);
  }
}

/// The axis along which memory is cheapest to walk; none if vectors do not pay.
static std::optional<Axis> chooseVectorAxis(step::KernelOp kernel, const LoopPlan &plan, ArrayRef<Axis> axes,
                                            int64_t lanes) {
  std::optional<Axis> best;
  double bestCost = 0;
  int64_t rows = 1;
  for (const Axis &row : plan.rows)
    rows *= row.length;
  for (const Axis &axis : axes) {
    bool isRow = plan.isRow(axis.name);
    bool isLoop = isRow || llvm::any_of(plan.passes, [&](const RowPass &pass) { return pass.has(axis.name); });
    if (axis.length == 1 || !isLoop)
      continue;
    // Lanes left empty in the last vector.
    double waste = double(llvm::alignTo(axis.length, lanes)) / double(axis.length);
    double cost = accessCost(kernel, axis.name, lanes) * waste;
    for (const RowPass &pass : plan.passes) {
      if (!isRow && !pass.has(axis.name)) // done in scalar code
        cost += 4.0 * double(lanes * rows * pass.size());
      else if (!isRow) // ends with a sum across lanes
        cost += 64.0 * double(rows * pass.reductions.size());
    }
    if (!best || cost < bestCost) {
      best = axis;
      bestCost = cost;
    }
  }
  return best;
}

LoopPlan vectorize::planLoops(step::KernelOp kernel, int64_t lanes) {
  LoopPlan plan;
  SmallVector<Axis> axes = axesInMemoryOrder(kernel);
  for (const Axis &axis : axes)
    if (contains(kernel.getRows(), axis.name.getValue()))
      plan.rows.push_back(axis);
  auto innerAxes = [&](Value value) {
    SmallVector<Axis> inner;
    for (const Axis &axis : axes)
      if (typeOf(value).has(axis.name) && !plan.isRow(axis.name))
        inner.push_back(axis);
    return inner;
  };

  Levels levels;
  std::vector<std::pair<int64_t, RowPass>> passes;
  int64_t lastLevel = 0;
  for (auto reduce : kernel.getBody().front().getOps<ReduceOp>()) {
    int64_t level = levels.of(reduce.getOperand());
    passFor(passes, level, innerAxes(reduce.getOperand())).reductions.push_back(reduce);
    lastLevel = std::max(lastLevel, level + 1);
  }
  llvm::stable_sort(passes, [](const auto &a, const auto &b) { return a.first < b.first; });
  placeResults(kernel, levels, innerAxes, plan, passes, lastLevel);
  for (auto &entry : passes)
    plan.passes.push_back(std::move(entry.second));
  if (lanes == 1)
    return plan;
  plan.vectorAxis = chooseVectorAxis(kernel, plan, axes, lanes);
  // The vector axis goes into the innermost loop.
  if (plan.vectorAxis)
    for (RowPass &pass : plan.passes)
      std::stable_partition(pass.axes.begin(), pass.axes.end(),
                            [&](const Axis &axis) { return axis.name != plan.vectorAxis->name; });
  keepDearValues(kernel, plan);
  return plan;
}
