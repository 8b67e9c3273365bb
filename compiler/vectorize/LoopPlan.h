// What loops a `loops` kernel needs: its passes over the inner axes, and the axis to put into vectors.
#pragma once

#include "dialects/step/Step.h"

namespace kinu::vectorize {

/// A value that is dear to compute and that a later pass needs again: a pass keeps it in scratch memory.
struct KeptValue {
  mlir::Value value;
  NamedTensorType layout; ///< the pass's axes, in the order of its loops
  int64_t offset;         ///< in scratch, bytes
};

/// One walk over the inner axes of a row. Reductions of a pass depend only on those of earlier passes.
struct RowPass {
  mlir::SmallVector<Axis> axes; ///< outermost loop first
  mlir::SmallVector<ReduceOp> reductions;
  mlir::SmallVector<int64_t> results; ///< numbers of the results written during the pass
  mlir::SmallVector<KeptValue> kept;

  bool has(mlir::StringAttr axis) const;
  /// Points that it visits in a row.
  int64_t size() const;
};

struct LoopPlan {
  mlir::SmallVector<Axis> rows; ///< independent of one another; outermost loop first
  mlir::SmallVector<RowPass> passes;
  mlir::SmallVector<int64_t> rowResults; ///< results without inner axes, written once the passes are done
  std::optional<Axis> vectorAxis;        ///< none: scalar code; in a pass's axes it is the last
  int64_t scratchBytes = 0;              ///< for kept values, of one row at a time

  bool isRow(mlir::StringAttr axis) const;
  /// Whether vectors lie along a row axis: no lane then depends on another.
  bool vectorsAreRows() const { return vectorAxis && isRow(vectorAxis->name); }
  /// Whether all that the kernel does is to reduce columns: one pass over rows of memory, along each of which lie
  /// results of their own.
  bool reducesColumns() const;
};

/// Plans a `loops` kernel for vectors of `lanes` elements; 1 asks for scalar code.
LoopPlan planLoops(step::KernelOp kernel, int64_t lanes);

/// Decides which values are kept from pass to pass: exponentials and the like of rows that stay in cache.
void keepDearValues(step::KernelOp kernel, LoopPlan &plan);

/// What the memory accesses of the kernel cost, in bytes, if vectors lie along `axis`: an element that is not next to
/// its neighbours costs as much as a vector.
double accessCost(step::KernelOp kernel, mlir::StringAttr axis, int64_t lanes);

} // namespace kinu::vectorize
