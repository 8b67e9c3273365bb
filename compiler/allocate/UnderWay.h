// What a collective uses between its start and its wait is nobody else's.
#pragma once

#include "compiler/allocate/Buffers.h"

namespace kinu::allocate {

/// Fails with an error at the op that writes to what is being sent, or touches what is being received, while a
/// collective is under way: a compiler bug, whichever pass made it. Works on the places that `placeOf` gives values.
llvm::LogicalResult checkUnderWay(ProgramOp program, llvm::function_ref<Place(mlir::Value)> placeOf);

} // namespace kinu::allocate
