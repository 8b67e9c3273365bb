// Which values need a gradient: those that depend on what is differentiated by, and on which the loss depends.
#pragma once

#include "dialects/kinu/Kinu.h"

#include "llvm/ADT/DenseSet.h"

namespace kinu::differentiate {

class Activity {
public:
  /// `sources` are differentiated by, `targets` are differentiated; both within `block` or regions inside it.
  Activity(mlir::Block &block, mlir::ValueRange sources, mlir::ValueRange targets);

  bool needsGradient(mlir::Value value) const { return varied.contains(value) && useful.contains(value); }

private:
  void markVaried(mlir::Block &block);
  void markUseful(mlir::Block &block);
  bool mark(llvm::DenseSet<mlir::Value> &set, mlir::Value value);

  llvm::DenseSet<mlir::Value> varied, useful;
};

} // namespace kinu::differentiate
