// What becomes of values of a straight list.
#pragma once

#include "dialects/step/Step.h"

namespace kinu::schedule {

class Endings {
public:
  explicit Endings(mlir::ModuleOp module);

  /// Whether a value is written to variables and nothing else, perhaps by way of a few light kernels: added to what is
  /// there, or scattered. In a backward pass all that is computed ends in variables; products are worth more than to be
  /// put off.
  bool isOnlyWritten(mlir::Value value, unsigned launches = 2) const;
  /// Whether the op is on such a way.
  bool isOnTheWay(mlir::Operation *op, unsigned launches = 2) const;

private:
  llvm::DenseSet<mlir::StringAttr> light; ///< kernels
};

} // namespace kinu::schedule
