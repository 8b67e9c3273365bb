// Reverse-mode differentiation of a block: visits its ops last to first and emits the gradients of their operands.
#pragma once

#include "compiler/differentiate/Activity.h"

#include "llvm/ADT/MapVector.h"

namespace kinu::differentiate {

class Backward {
public:
  /// Emits at the builder's place, which the block's values need not dominate yet if it is another region.
  Backward(mlir::OpBuilder &builder, const Activity &activity) : builder(builder), activity(activity) {}

  /// Adds to the gradient of a value; of a value that needs none, nothing happens.
  void add(mlir::Value value, mlir::Value gradient);
  /// The sum of what was added, and forgets it; null if nothing was.
  mlir::Value take(mlir::Value value);
  /// Differentiates a block; the gradients of values from outside it are left to take. Fails if an op has no rule.
  llvm::LogicalResult run(mlir::Block &block);

private:
  llvm::LogicalResult operation(mlir::Operation *op);
  /// The gradient of a variable is complete when its read is reached: one accumulation for each read.
  void read(ReadOp op);
  llvm::LogicalResult repeat(RepeatOp op);
  /// As `take`, but of exactly the value's type, and zeros for nothing.
  mlir::Value takeOrZeros(mlir::Value value);

  mlir::OpBuilder &builder;
  const Activity &activity;
  llvm::MapVector<mlir::Value, mlir::Value> gradients; // in the order of emission, so that output is deterministic
};

/// Erases the ops of a block whose results nobody uses, last to first.
void eraseDeadOps(mlir::Block &block);

/// Differentiates a region that yields one value: `target` gets a block with the region's arguments and, inserted at
/// `position`, the gradient of that value; it yields the gradients of the arguments `wanted`. The definition is
/// computed again inside.
llvm::LogicalResult differentiateRegion(mlir::Region &source, mlir::Region &target, unsigned position,
                                        llvm::ArrayRef<unsigned> wanted);

} // namespace kinu::differentiate
