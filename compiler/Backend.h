// From kernels and launches to an executable: lowers and compiles every kernel, writes the tables, links.
#pragma once

#include "compiler/Pipeline.h"
#include "compiler/emit/Executable.h"
#include "compiler/vectorize/Vectorize.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace kinu {

/// A kernel as text that depends on what it computes only, and the symbol that the text decides.
struct KernelText {
  step::KernelOp op;
  std::string symbol, text;
};

/// The kernels of a module, in their order.
std::vector<KernelText> kernelTexts(mlir::ModuleOp module);

/// Reads a kernel back into `context`, which nobody else uses, so that kernels can be lowered in parallel.
llvm::Expected<vectorize::Lowered> lowerText(const KernelText &kernel, const machines::Machine &machine,
                                             mlir::MLIRContext &context);

/// A collective's row of the tables.
emit::ExecutableCollective describeCollective(mlir::Operation *op);

/// The code of an allocated module and the tables that launch it.
struct CompiledLaunches {
  std::vector<std::string> objects; ///< object files, in the order of `tables.kernels`
  emit::Executable tables;          ///< without its manifest
  int64_t fromCache = 0;            ///< how many kernels were not compiled anew
};

/// Compiles the kernels of an allocated module, `threads` at a time (0: one per core): for programs that run them in
/// their own process, as tests do.
llvm::Expected<CompiledLaunches> compileLaunches(mlir::ModuleOp module, const machines::Machine &machine,
                                                 unsigned threads);

/// Compiles the kernels of allocated modules, one for each stage of a pipeline, for the machine and writes what
/// `options.product` asks for. `plan` is the model as it was elaborated for training.
llvm::Error buildProduct(llvm::ArrayRef<mlir::ModuleOp> stages, const TypedModel &plan,
                         const machines::Machine &machine, const PipelineOptions &options);

} // namespace kinu
