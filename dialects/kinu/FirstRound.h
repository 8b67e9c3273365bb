// Rounds of variables in stages of a pipeline that have several chunks of the layers.
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

namespace kinu {

/// A stage keeps the slices of all its chunks in one variable, one chunk behind the other, while the rounds of a
/// chunk's repeat are counted from 0. What reads or writes a slice says with this attribute which one round 0 has: 0
/// without.
inline constexpr llvm::StringLiteral kFirstRound = "kinu.first_round";

inline int64_t firstRound(mlir::Operation *op) {
  auto first = op->getAttrOfType<mlir::IntegerAttr>(kFirstRound);
  return first ? first.getInt() : 0;
}

/// For an op that takes the place of another.
template <typename Op> Op keepFirstRound(mlir::Operation *from, Op to) {
  if (mlir::Attribute first = from->getAttr(kFirstRound))
    to->setAttr(kFirstRound, first);
  return to;
}

} // namespace kinu
