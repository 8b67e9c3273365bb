// What ops cost: those that need no data, constants, indices and cheap arithmetic on them; and the dear ones.
#pragma once

#include "dialects/kinu/Kinu.h"

namespace kinu {

/// Whether the op is a function that takes ten instructions or more: exp, log, tanh, erf, sin, cos, pow.
bool isDear(mlir::Operation *op);
/// Whether computing the op again costs less than reading its value from memory, wherever it stands.
bool isFree(mlir::Operation *op);
/// Gives a region its own copies of the free ops that it uses from outside, so that it can be moved or retyped.
void sinkFreeOps(mlir::Region &region);

} // namespace kinu
