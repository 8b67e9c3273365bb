// Which numbers an int of a kernel can be: most masks and positions fit in 32 bits, where a vector holds twice as many.
#pragma once

#include "dialects/kinu/Kinu.h"

#include "llvm/ADT/DenseMap.h"

namespace kinu::vectorize {

/// Bounds, both included; the widest ones say that nothing is known.
struct IntRange {
  int64_t low = INT64_MIN, high = INT64_MAX;

  bool fits32() const { return low >= INT32_MIN && high <= INT32_MAX; }
};

class IntRanges {
public:
  /// The range of an int value of the kernel, over all its elements.
  IntRange of(mlir::Value value);

private:
  IntRange compute(mlir::Value value);

  llvm::DenseMap<mlir::Value, IntRange> known;
};

} // namespace kinu::vectorize
