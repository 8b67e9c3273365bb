// The values of the reference interpreter: dense arrays on named axes, floats in double.
#pragma once

#include "dialects/kinu/Kinu.h"

#include <cstdint>
#include <vector>

namespace kinu::interpret {

/// A dense array, row-major in the order in which its type lists the axes. That order has no meaning: whoever reads a
/// tensor finds its elements by the axes' names. Floats are in `floats`; ints, and bools as 0 or 1, in `ints`.
struct Tensor {
  NamedTensorType type;
  std::vector<double> floats;
  std::vector<int64_t> ints;

  Tensor() = default;
  /// Zeros of a type.
  explicit Tensor(NamedTensorType type);
  /// Floats of a type, in the order of its axes.
  Tensor(NamedTensorType type, std::vector<double> values);
  /// Ints or bools of a type, in the order of its axes.
  Tensor(NamedTensorType type, std::vector<int64_t> values);

  int64_t size() const { return type.getNumElements(); }
  /// The float, int or bool at a linear index, as a double.
  double operator[](int64_t i) const { return type.isFloat() ? floats[i] : static_cast<double>(ints[i]); }
  /// The same tensor laid out as `like` lists the axes; they must be the same axes.
  Tensor reordered(NamedTensorType like) const;
};

/// The distance between neighbours along each axis of `space` in a row-major tensor of `type`; 0 along axes that the
/// type does not have, or that `except` names.
using Strides = llvm::SmallVector<int64_t>;
Strides stridesIn(llvm::ArrayRef<Axis> space, NamedTensorType type, mlir::ArrayAttr except = {});
/// The distance between neighbours along one axis of a row-major tensor of `type`.
int64_t strideOf(NamedTensorType type, llvm::StringRef axis);

/// Visits every point of `space`, the last axis fastest, with the point's offset in each tensor whose strides are
/// given.
template <typename Visit> void walk(llvm::ArrayRef<Axis> space, llvm::ArrayRef<Strides> strides, Visit visit) {
  llvm::SmallVector<int64_t> index(space.size(), 0), offsets(strides.size(), 0);
  while (true) {
    visit(llvm::ArrayRef<int64_t>(offsets));
    int64_t axis = static_cast<int64_t>(space.size()) - 1;
    for (; axis >= 0; --axis) {
      bool wraps = ++index[axis] == space[axis].length;
      for (size_t i = 0; i < strides.size(); ++i)
        offsets[i] += wraps ? -strides[i][axis] * (space[axis].length - 1) : strides[i][axis];
      if (!wraps)
        break;
      index[axis] = 0;
    }
    if (axis < 0)
      return;
  }
}

/// The number of a format (bf16, f16, f32) nearest to x, ties to even; infinity where it is too large.
double roundTo(mlir::FloatType format, double x);

} // namespace kinu::interpret
