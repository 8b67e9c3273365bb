// A space of independent rows whose last axis is walked by vectors: what cumsum is parallel over.
#pragma once

#include "compiler/vectorize/Items.h"

namespace kinu::vectorize {

/// Visits the vectors of [base, end) of `axis`, `base` a multiple of the lanes, each in a scope of its own. A last one
/// under a mask covers what is left if `end` is the axis' length and that no multiple of the lanes.
void emitVectors(Evaluator &evaluator, const Axis &axis, mlir::Value base, mlir::Value end, const Point &point,
                 llvm::function_ref<void(const Point &, mlir::Value mask)> body);

/// An item is a point of `outer` and a block of `axis`; without `axis`, one point and scalar code.
struct VectorBlocks {
  mlir::SmallVector<Axis> outer;
  std::optional<Axis> axis;
  int64_t block = 1, blocks = 1; ///< elements in a block, a multiple of the lanes; and how many blocks
  int64_t items = 1;

  /// Blocks are as long as having tasks enough allows.
  VectorBlocks(llvm::ArrayRef<Axis> outer, std::optional<Axis> axis, int64_t lanes);
};

/// The item's point of the outer axes.
Point pointOf(Emission &e, const VectorBlocks &space, mlir::Value item);

/// Visits the vectors of the item's block, as emitVectors; without a vector axis visits `point` itself.
void emitBlock(Evaluator &evaluator, const VectorBlocks &space, mlir::Value item, const Point &point,
               llvm::function_ref<void(const Point &, mlir::Value mask)> body);

} // namespace kinu::vectorize
