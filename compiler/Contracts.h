// What must hold of the IR after a stage. Read-only; a broken contract is a bug of the stage before.
#pragma once

#include "compiler/Pipeline.h"

#include "mlir/IR/BuiltinOps.h"

namespace kinu {

/// Emits an error at the first op that breaks the contract of `stage`.
llvm::LogicalResult checkContract(mlir::ModuleOp module, Stage stage);

} // namespace kinu
