// From kernels and launches to an executable: lowers and compiles every kernel, writes the tables, links.
#pragma once

#include "compiler/Pipeline.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace kinu {

/// Compiles the kernels of an allocated module for the machine and writes what `options.product` asks for. `plan` is the
/// model as it was elaborated for training.
llvm::Error buildProduct(mlir::ModuleOp module, const TypedModel &plan, const machines::Machine &machine,
                         const PipelineOptions &options);

} // namespace kinu
