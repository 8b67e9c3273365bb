// How the rows of a kernel are cut into items, and items into tasks for threads.
#pragma once

#include "compiler/vectorize/LoopPlan.h"

namespace kinu::vectorize {

/// An item is the unit of work inside a task: one point of the `outer` axes and one block of the vector axis, if that
/// is a row axis; it runs over all of the `middle` axes. Items are numbered, the last outer axis and then the block
/// fastest.
struct TaskSplit {
  mlir::SmallVector<Axis> outer;
  mlir::SmallVector<Axis> middle; ///< outermost loop first
  int64_t block = 0;              ///< elements of the vector axis in an item; 0 where that is not a row axis
  int64_t blocks = 1;             ///< along the vector axis
  int64_t group = 1;              ///< vectors done side by side
  bool columns = false;           ///< sums of columns: a block's are in scratch while rows go by
  int64_t items = 1;
  int64_t itemsPerTask = 1;
  int64_t tasks = 1;
};

TaskSplit splitTasks(step::KernelOp kernel, const LoopPlan &plan, int64_t lanes);

} // namespace kinu::vectorize
