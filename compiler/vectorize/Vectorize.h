// From one kernel to a module in LLVM's dialect: vector code for a machine, split into tasks for threads.
//
// Three files to read first: this one, Emission.h (the function under construction), Evaluator.h (how an expression of
// kinu ops becomes code at a point). Each kind of kernel has a file of its own that arranges the loops around them.
#pragma once

#include "compiler/machines/Machine.h"
#include "dialects/step/Step.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace kinu::vectorize {

/// A kernel as code. The module has one public function, named as the kernel:
/// `void name(void *const *buffers, void *scratch, int64_t begin, int64_t end)`, see runtime/Abi.h.
struct Lowered {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  int64_t tasks = 1;        ///< independent of one another, any split over threads gives the same bits
  int64_t scratchBytes = 0; ///< private to each thread, 64-byte aligned
  double operations = 0;    ///< floating-point operations of one launch
  double bytes = 0;         ///< operands and results once each
  std::string tile;         ///< of products: what is summed in registers, as rows x columns and type; else empty
};

/// Loads the dialects that generated code goes through. To be called once before kernels are lowered from several
/// threads over one context.
void loadDialects(mlir::MLIRContext &context);

/// Lowers `kernel`, whose types are in memory order with static lengths, for `machine`. `context` is the kernel's.
/// Fails, with the kernel's name and the op, on what no lowering of its kind covers.
llvm::Expected<Lowered> lowerKernel(step::KernelOp kernel, const machines::Machine &machine,
                                    mlir::MLIRContext &context);

/// The operations that lowering `kernel` reports, without lowering it.
double countOperations(step::KernelOp kernel);

// One function per kind of kernel. `lowerKernel` chooses among them, and fills `bytes`.
llvm::Expected<Lowered> lowerLoops(step::KernelOp kernel, const machines::Machine &machine);
llvm::Expected<Lowered> lowerScatter(step::KernelOp kernel, const machines::Machine &machine);
llvm::Expected<Lowered> lowerCumSum(step::KernelOp kernel, const machines::Machine &machine);
llvm::Expected<Lowered> lowerTop(step::KernelOp kernel, const machines::Machine &machine);
llvm::Expected<Lowered> lowerContraction(step::KernelOp kernel, const machines::Machine &machine);       // gemm/
llvm::Expected<Lowered> lowerAttention(step::KernelOp kernel, const machines::Machine &machine);         // attention/
llvm::Expected<Lowered> lowerAttentionBackward(step::KernelOp kernel, const machines::Machine &machine); // attention/

} // namespace kinu::vectorize
