// How the rows of a kernel are cut into items, and items into tasks.
#include "compiler/vectorize/Tasks.h"

#include "compiler/vectorize/Items.h"
#include "dialects/kinu/OpCosts.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static constexpr int64_t kItemElements = 2048; ///< enough to hide the decoding of an item's number
static constexpr int64_t kItemsAtLeast = 64;   ///< rather small items than too few of them
static constexpr int64_t kBlockElements = 8192;
static constexpr int64_t kColumns = 4096; ///< whose sums stay in a near cache; whole rows are read in one stream

/// Cuts a vector axis that is a row axis into blocks. With reductions a block is the vectors done side by side, eight
/// if that leaves enough blocks: long pieces of memory are read, and the sums hide each other's latency.
static void cutBlocks(const LoopPlan &plan, int64_t lanes, int64_t innerElements, int64_t otherItems,
                      TaskSplit &split) {
  int64_t length = plan.vectorAxis->length;
  if (plan.passes.empty()) {
    split.block = std::min(kBlockElements, static_cast<int64_t>(llvm::alignTo(length, lanes)));
    if (otherItems == 1 && length > kBlockElements / 8)
      split.block = std::min<int64_t>(split.block, llvm::alignTo(ceilDivide(length, kTasksAtLeast), lanes));
  } else if (plan.reducesColumns() && length > 8 * lanes) {
    split.columns = true;
    split.block = std::min<int64_t>(kColumns, llvm::alignTo(length, lanes));
    // Short pieces of rows cost bandwidth, but idle threads cost more.
    while (split.block > 16 * lanes && ceilDivide(length, split.block) * otherItems < kTasksAtLeast)
      split.block = llvm::alignTo(split.block / 2, lanes);
  } else {
    split.group = 8;
    while (split.group > 1 && ceilDivide(length, lanes * split.group) * otherItems < kTasksAtLeast)
      split.group /= 2;
    int64_t groupElements = lanes * split.group;
    int64_t groups = std::max<int64_t>(1, kItemElements / (groupElements * innerElements));
    if (otherItems < kItemsAtLeast)
      groups = 1;
    split.block = std::min<int64_t>(groups * groupElements, llvm::alignTo(length, groupElements));
  }
  split.blocks = ceilDivide(length, split.block);
}

/// Floating-point operations for one element of the largest value: all ops but changes of axes.
static double operationsPerElement(step::KernelOp kernel) {
  double count = 1;
  for (Operation &op : kernel.getBody().front())
    if (op.hasTrait<Elementwise>())
      count += isDear(&op) ? 10 : 1;
    else if (isa<RandomOp>(op))
      count += 40;
  return count;
}

TaskSplit vectorize::splitTasks(step::KernelOp kernel, const LoopPlan &plan, int64_t lanes) {
  TaskSplit split;
  int64_t innerElements = 1;
  for (const RowPass &pass : plan.passes)
    innerElements = std::max(innerElements, pass.size());
  for (const Axis &row : plan.rows)
    if (!plan.vectorsAreRows() || row.name != plan.vectorAxis->name)
      split.outer.push_back(row);
  int64_t points = 1;
  for (const Axis &axis : split.outer)
    points *= axis.length;
  if (plan.vectorsAreRows())
    cutBlocks(plan, lanes, innerElements, points, split);

  int64_t itemElements = innerElements * (split.block ? std::min(split.block, plan.vectorAxis->length) : 1);
  while (split.outer.size() > 1 && split.blocks == 1 && itemElements < kItemElements &&
         points / split.outer.back().length >= kItemsAtLeast) {
    points /= split.outer.back().length;
    itemElements *= split.outer.back().length;
    split.middle.insert(split.middle.begin(), split.outer.pop_back_val());
  }
  split.items = points * split.blocks;
  split.itemsPerTask = itemsPerTask(split.items, double(itemElements) * operationsPerElement(kernel));
  split.tasks = ceilDivide(split.items, split.itemsPerTask);
  return split;
}
