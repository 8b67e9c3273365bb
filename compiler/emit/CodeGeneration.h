// Object code of one kernel: LLVM dialect or LLVM IR in, object, assembly or LLVM IR text out, for any machine.
#pragma once

#include "compiler/machines/Machine.h"

#include "llvm/Support/Error.h"

#include <string>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm
namespace mlir {
class ModuleOp;
} // namespace mlir

namespace kinu::emit {

enum class OutputKind { Object, Assembly, LlvmText };

struct CodeOptions {
  OutputKind kind = OutputKind::Object;
  int optimization = 3; ///< as in clang -O0 to -O3
};

/// Compiles a module of LLVM dialect for `machine`. Returns the bytes of an object file or the text asked for; an error
/// if the module does not translate, or no code generator for the machine is built in. Functions defined in it get the
/// machine's attributes: processor, vector width, vscale, flushed denormals. The module's context is only used by this
/// thread.
llvm::Expected<std::string> compileKernel(mlir::ModuleOp module, const machines::Machine &machine,
                                          const CodeOptions &options = {});

/// The same from LLVM IR, which is optimized in place.
llvm::Expected<std::string> compileModule(llvm::Module &module, const machines::Machine &machine,
                                          const CodeOptions &options = {});

/// A kernel's code for people and models to read.
struct Listing {
  std::string ir;       ///< LLVM IR after all optimizations
  std::string assembly; ///< what is made of it, with LLVM's comments on spills
};

/// Compiles as compileKernel does, the same instructions, but with debug information in which line n stands for the
/// n-th basic block of the IR, counted from 1 through all functions.
llvm::Expected<Listing> listKernel(mlir::ModuleOp module, const machines::Machine &machine);

} // namespace kinu::emit
