// How one index of a matrix walks through a tensor: a row, a column or a summed index stands for one axis or several.
#pragma once

#include "compiler/vectorize/Emission.h"
#include "dialects/kinu/Kinu.h"

namespace kinu::vectorize {

/// Places in memory by a linear index over nested axes, outermost first; strides in elements. Neighbours that lie in
/// memory as one axis are merged when built, so most walks have one axis or none (a single place).
class Walk {
public:
  struct Step {
    int64_t length, stride;
  };
  Walk() = default;
  explicit Walk(llvm::ArrayRef<Step> steps);

  int64_t length() const;
  /// Every step of the index moves equally far: `stride()`.
  bool uniform() const { return steps.size() <= 1; }
  int64_t stride() const { return steps.empty() ? 0 : steps.back().stride; }
  /// Neighbours in memory from the first to the last.
  bool contiguous() const { return steps.empty() || (uniform() && stride() == 1); }
  /// `lanes` places from any multiple of `lanes` on lie next to each other, up to the end of the walk.
  bool vectors(int64_t lanes) const;
  /// The place, in elements, of an index in [0, length).
  mlir::Value offset(Emission &e, mlir::Value index) const;

private:
  llvm::SmallVector<Step> steps;
};

/// The step, in elements, from one index of the axis to the next in a tensor in memory order; 0 if it has no such axis.
int64_t strideOf(NamedTensorType type, mlir::StringAttr axis);
/// The walk of an index over `axes`, the last fastest, through such a tensor.
Walk walkOver(NamedTensorType type, llvm::ArrayRef<Axis> axes);

} // namespace kinu::vectorize
