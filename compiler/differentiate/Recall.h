// What the backward repeat knows of the forward one: values that were saved in every round, and what is computed again.
#pragma once

#include "dialects/kinu/Kinu.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

namespace kinu::differentiate {

/// Replaces every use, in `backward`, of values of the forward repeat's body.
///
/// Saved are values that elementwise ops cannot compute again from others that are saved anyway. Never saved are the
/// round, constants, indices, random numbers, what is read from variables, and elementwise ops of nothing but these
/// and of values from outside the repeat.
class Recall {
public:
  /// Chooses what to save. `backward` is the body of the repeat to come; its first argument is the round.
  Recall(RepeatOp forward, mlir::Block &backward);

  /// The values of the forward body to save, one stacked value each.
  llvm::ArrayRef<mlir::Value> getSaved() const { return saved.getArrayRef(); }
  /// Appends an argument to `backward` for each saved value and rewrites the uses.
  void rewrite();

private:
  bool isInside(mlir::Value value);
  bool isFree(mlir::Value value);
  void choose(mlir::Value value);
  /// The values that `value` would be computed from, not free and not saved; `value` itself if it cannot be.
  void collectLeaves(mlir::Value value, llvm::SetVector<mlir::Value> &leaves, llvm::DenseSet<mlir::Value> &visited);
  /// The last value on the way from a leaf through which everything passes that is needed: a bias added, say.
  mlir::Value narrowest(mlir::Value leaf);
  mlir::Value recall(mlir::Value value, mlir::Operation *before);

  RepeatOp forward;
  mlir::Block &backward;
  llvm::SetVector<mlir::Value> needed, saved;
  llvm::DenseSet<mlir::Value> onTheWay; ///< values from which elementwise ops lead to a needed one
  llvm::DenseMap<mlir::Value, bool> freeValues;
  llvm::DenseMap<mlir::Value, mlir::Value> recalled;
};

} // namespace kinu::differentiate
