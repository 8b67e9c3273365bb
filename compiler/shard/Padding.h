// Axes that are made longer, so that ranks share them out evenly.
#pragma once

#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"
#include "dialects/kinu/Kinu.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

namespace kinu::shard {

/// The padded axes of a module: `pad` of the attribute `kinu.layout`, {token = array<i64: 50257, 50262>}, and what
/// these are renamed to. An axis of another length is another axis.
class Padding {
public:
  explicit Padding(mlir::ModuleOp module);

  bool empty() const { return lengths.empty(); }
  bool has(mlir::StringAttr name) const { return lengths.contains(name); }
  bool has(mlir::ArrayAttr names) const;
  /// Whether a value, before or after, has a padded axis.
  bool touches(mlir::Value value) const;
  /// Whether an operand or a result has.
  bool touches(mlir::Operation *op) const;
  int64_t realLength(mlir::StringAttr name) const { return lengths.find(name)->second.real; }
  /// The type with padded lengths instead of real ones.
  NamedTensorType padded(NamedTensorType real) const;
  /// The axes of `type` that are longer than they were.
  llvm::SmallVector<Axis> paddedAxes(NamedTensorType type) const;

private:
  struct Lengths {
    int64_t real, padded;
  };
  llvm::DenseMap<mlir::StringAttr, Lengths> lengths;
};

/// Whether an op can do with longer axes; if not, why, for a message.
std::string objectionTo(mlir::Operation *op, const Padding &padding);

/// Adds `pad` to `kinu.layout`: the axes of weights that the rules share out and that do not divide. Reports those that
/// cannot be padded, with the nearest lengths that divide (`shard-not-divisible`).
void annotatePadding(mlir::ModuleOp module, const typed::Layout &layout, Diagnostics &diagnostics);

} // namespace kinu::shard
