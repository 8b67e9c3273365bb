// The rows of tables that the next row of a kernel looks up, fetched while the kernel is busy with the one before:
// where they lie no processor can foresee.
#pragma once

#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/Tasks.h"

namespace kinu::vectorize {

class NextLookups {
public:
  /// In the loop over the rows of `kernel`, `point` being one: reads what the next one looks up. Nothing where that is
  /// not known, and on other machines than x86-64.
  NextLookups(Evaluator &evaluator, step::KernelOp kernel, const LoopPlan &plan, const TaskSplit &split,
              const Point &point);

  /// In the loop over the vector axis: fetches what lies at this index of it, along all rows that are looked up.
  void fetch(const Index &index);

private:
  struct Row {
    NamedTensorType type;
    mlir::Value pointer;
    Point point; ///< but for the vector axis
  };

  Evaluator &evaluator;
  mlir::StringAttr vectorAxis;
  mlir::SmallVector<Row, 1> rows;
};

} // namespace kinu::vectorize
