// Gradients that are summed over ranks as soon as a step has them: the program `reduce`.
#pragma once

#include "compiler/shard/Partition.h"

namespace kinu::shard {

/// The repeats whose rounds have slices of a variable, outermost first.
struct Rounds {
  mlir::StringAttr axis;
  int64_t count = 0;
  bool operator==(const Rounds &other) const { return axis == other.axis && count == other.count; }
};
using GradientRounds = llvm::StringMap<llvm::SmallVector<Rounds, 1>>;

/// The gradients to which the programs add in one way only, with the repeats that they do it in. To be asked before the
/// programs are partitioned.
GradientRounds roundsOfGradients(mlir::ModuleOp module);

/// Writes the program `reduce`, whole as all programs are before they are partitioned: for each gradient that `stored`
/// says is partial, slice by slice, it reads the gradient and writes it to a variable of role `sum`, which `update`
/// reads from then on. Returns the program, null if there is nothing to sum. A sum that every rank has whole goes by
/// the gradient's own name after `dropWholeSums`.
ProgramOp makeReductions(mlir::ModuleOp module, const Rules &rules, const GradientRounds &rounds,
                         StoredVariables &stored);

/// Sums that lie as their gradients do become these.
void dropWholeSums(mlir::ModuleOp module, const Rules &rules, StoredVariables &stored);

} // namespace kinu::shard
