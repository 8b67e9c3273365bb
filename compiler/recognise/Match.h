// What the recognisers share: walking up from a value while noting which ops the pattern consists of.
#pragma once

#include "dialects/kinu/Kinu.h"

#include "llvm/ADT/SetVector.h"

#include <optional>

namespace kinu::recognise {

/// The number that a value is, if it is a constant.
std::optional<double> numberOf(mlir::Value value);
bool isNumber(mlir::Value value, double number);

/// An attempt at a pattern: the ops that it would replace. Copy it to try alternatives.
class Match {
public:
  /// The value that `fp32` was asked for, through any number of them.
  mlir::Value plain(mlir::Value value);
  /// The op of this kind that makes the value, or null.
  template <typename Op> Op as(mlir::Value value) {
    auto op = plain(value).getDefiningOp<Op>();
    if (op)
      ops.insert(op);
    return op;
  }
  bool same(mlir::Value a, mlir::Value b) { return plain(a) == plain(b); }
  /// The reduction of this kind, over exactly one axis, that makes the value.
  ReduceOp reductionOverOne(mlir::Value value, ReductionKind kind);

  void insert(mlir::Operation *op) { ops.insert(op); }
  /// Whether no op outside the pattern uses what an op inside makes, the root's results excepted.
  bool isClosed(mlir::Operation *root) const;
  /// Erases the pattern's ops that nothing uses any more.
  void erase();

private:
  llvm::SetVector<mlir::Operation *> ops;
};

/// Gives `region` a block whose arguments stand for `arguments` and which computes `result` from them: every op on the
/// way is copied.
void defineRegion(mlir::Region &region, mlir::ValueRange arguments, mlir::Value result);

} // namespace kinu::recognise
