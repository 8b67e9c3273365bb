// Messages that no rule of a layout implies.
//
// A rule implies what follows from it alone: partial sums of products over an axis that it splits; putting together
// what it splits between blocks or ZeRO shares out; sending from one axis to the other where two rules share a mesh
// axis and a tensor has both axes, as batch and experts do; all of a weight where the other one of these rules splits
// the product with it; all keys for attention's queries; all choices of a `top`. What is left are gathers of an axis
// that a rule splits and an op of the model takes apart: the writer may not have known.
#pragma once

#include "compiler/shard/Sharding.h"
#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"

#include "mlir/IR/BuiltinOps.h"

namespace kinu::shard {

/// Marks collectives that no rule implies, with the axis that they put together. Such an op stands at the place of the
/// op that wants it whole.
inline constexpr llvm::StringLiteral kNotImplied = "kinu.not_implied";

/// Whether the rules imply that `op` has a value of the type `whole` moved along a mesh axis, on which `from` is split,
/// to lie as `to` says.
bool isImplied(const Rules &rules, NamedTensorType whole, mlir::StringAttr from, const OnMeshAxis &to,
               unsigned meshAxis, mlir::Operation *op);

/// Warns of the marked collectives of a step, with their bytes and places (`unasked-gather`), and takes the marks away.
void warnOfReshards(llvm::ArrayRef<mlir::ModuleOp> stages, const TypedModel &model, const typed::Layout &layout,
                    const SourceMap &sources, Diagnostics &diagnostics);

} // namespace kinu::shard
