// Turns clusters and single ops into kernels and launches.
#pragma once

#include "compiler/fuse/Clusters.h"

#include <map>

namespace kinu::fuse {

/// Makes kernels at the end of a module, one for equal computations.
class Outliner {
public:
  explicit Outliner(mlir::ModuleOp module) : module(module) {}

  /// A launch, at the builder's place, of the kernel that computes the cluster's roots. Its results stand for the
  /// roots.
  step::LaunchOp launch(mlir::OpBuilder &builder, const Cluster &cluster, bool inDouble);
  /// A launch of the kernel that is this one op.
  step::LaunchOp launch(mlir::OpBuilder &builder, mlir::Operation *op);
  /// A launch that copies a value into memory of its own.
  step::LaunchOp copy(mlir::OpBuilder &builder, mlir::Value value);

  unsigned kernelCount() const { return kernels.size(); }
  unsigned launchCount() const { return launches; }

private:
  step::LaunchOp finish(mlir::OpBuilder &builder, step::KernelOp kernel, mlir::ValueRange operands, mlir::Location loc);

  mlir::ModuleOp module;
  std::map<std::string, step::KernelOp> kernels; ///< by text
  unsigned launches = 0;
};

} // namespace kinu::fuse
