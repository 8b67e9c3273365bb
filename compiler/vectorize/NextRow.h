// The row that comes next, fetched while a kernel is busy with the one before.
//
// A kernel that walks a row several times, as a norm or a softmax does, waits for memory in its first pass only and
// computes in the others. Spread over all passes, the fetches for the next row keep memory busy all the time.
#pragma once

#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/LoopPlan.h"

namespace kinu::vectorize {

class NextRow {
public:
  /// Finds the operands whose rows are worth fetching: on x86-64, and if the plan has several passes over rows that lie
  /// in memory as they are walked.
  NextRow(Emission &e, step::KernelOp kernel, const LoopPlan &plan);

  /// In a loop over the elements of a row, at `base` in steps of `step`: fetches the share of this step of pass number
  /// `pass`. `point` has the row's indices.
  void fetch(const Point &point, size_t pass, mlir::Value base, int64_t step);

private:
  struct Operand {
    NamedTensorType type;
    mlir::Value pointer;
  };

  bool toFirstCache() const;
  int64_t rowsAhead() const;

  Emission &e;
  mlir::StringAttr row; ///< the axis along which the next row lies
  int64_t passes, rowBytes = 0;
  mlir::SmallVector<Operand> operands;
};

} // namespace kinu::vectorize
