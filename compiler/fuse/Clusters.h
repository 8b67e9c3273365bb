// Which ops become one kernel: a pure analysis of one block.
//
// A cluster computes its roots, the values that must be in memory, from other values in memory. All of its reductions
// leave the same rows, so one pass over each row (several over a row in cache) does everything. A cluster without
// reductions may instead be done while a product that it reads is in cache.
#pragma once

#include "dialects/step/Step.h"

#include "llvm/ADT/SetVector.h"

namespace kinu::fuse {

/// The iteration space: independent rows and, where there are reductions, the axes inside a row.
struct Space {
  llvm::SmallVector<mlir::StringAttr> rows, inner;
  bool hasReductions = false;

  size_t size() const { return rows.size() + inner.size(); }
  bool has(mlir::StringAttr name) const { return llvm::is_contained(rows, name) || llvm::is_contained(inner, name); }
};

struct Cluster {
  llvm::SmallVector<mlir::Operation *> roots; ///< in block order
  llvm::SetVector<mlir::Operation *> ops;     ///< roots and what they pull in
  Space space;
  /// Among `ops`, if the cluster is the epilogue of a dot, or the sum that a scatter adds to: Products.h.
  mlir::Operation *product = nullptr;

  bool empty() const { return roots.empty(); }
};

/// Ops that can share a kernel with others.
bool isFusable(mlir::Operation *op);
/// A renaming, split or join that moves nothing in memory.
bool isView(mlir::Operation *op);
/// Whether an op reads this operand elsewhere than at its own point.
bool readsElsewhere(mlir::OpOperand &operand);

/// The clusters of a block; every fusable value that is needed in memory is the root of exactly one.
std::vector<Cluster> findClusters(mlir::Block &block);

} // namespace kinu::fuse
