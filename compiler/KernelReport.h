// The kernel report of an allocated module: lists its kernels' code, has each modelled, and counts its launches.
#pragma once

#include "compiler/Pipeline.h"
#include "compiler/report/Report.h"

#include "mlir/IR/BuiltinOps.h"

namespace kinu {

/// The report of one training step of `plan`. Kernels are compiled for it, in parallel; what is found of a kernel is
/// kept in the cache beside its code. Empty of kernels where the spec does not train.
llvm::Expected<report::Report> reportKernels(mlir::ModuleOp module, const TypedModel &plan,
                                             const machines::Machine &machine, const PipelineOptions &options);

} // namespace kinu
