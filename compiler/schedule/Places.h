// What ops of a straight list read and write of variables: the order of ops must keep to it.
#pragma once

#include "dialects/step/Step.h"

namespace kinu::schedule {

/// A variable, or the slice of it that some rounds have.
struct Place {
  mlir::StringAttr variable;
  llvm::SmallVector<int64_t, 2> rounds;

  /// A slice of fewer rounds has all slices of more.
  bool overlaps(const Place &other) const;
};
Place placeOf(ReadOp read);
Place placeOf(WriteOp write);

struct Touched {
  llvm::SmallVector<Place, 2> read, written;

  void add(const Touched &other);
  /// Whether the two may not change their order.
  bool conflicts(const Touched &other) const;
};
/// What an op touches when it runs. A launch or collective writes where the `kinu.write` of its result says.
Touched touchedBy(mlir::Operation *op);

/// What a chain of views is a view of.
mlir::Value viewed(mlir::Value value);

/// Bytes of a tensor in memory.
int64_t bytesOf(NamedTensorType type);

} // namespace kinu::schedule
