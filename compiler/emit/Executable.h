// What the compiler hands to the linker besides kernels: the tables that the runtime walks (runtime/Abi.h).
#pragma once

#include "compiler/machines/Machine.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kinu::emit {

/// A kernel's row: see KinuKernel.
struct ExecutableKernel {
  std::string symbol; ///< of the function, defined in one of the linked objects
  std::string name;   ///< for people
  int64_t tasks = 1;
  int64_t scratchBytes = 0;
  double operations = 0;
  double bytes = 0;
};

/// A collective's row: see KinuCollective.
struct ExecutableCollective {
  int32_t kind = 0, reduction = 0, dtype = 0;
  int64_t count = 0;
  std::string axes;
  int32_t peer = 0, tag = 0, slot = -1;
};

/// A launch's row: see KinuLaunch.
struct ExecutableLaunch {
  int32_t kernel = 0;           ///< index in Executable::kernels, or -1 - index in Executable::collectives
  std::vector<int64_t> offsets; ///< bytes in the arena, inputs before results
  std::string label;
};

struct ExecutableProgram {
  std::string name;
  std::vector<ExecutableLaunch> launches;
};

struct Executable {
  std::vector<ExecutableKernel> kernels;
  std::vector<ExecutableProgram> programs;
  std::vector<ExecutableCollective> collectives;
  int64_t arenaBytes = 0;
  int64_t storeOffset = 0, storeBytes = 0, stores = 1;
  std::string manifest; ///< JSON
};

/// An object file that defines `kinu_executable`, the first of `stages`, from which the others are reached, and refers
/// to the kernels' symbols. Launches must name kernels that exist.
llvm::Expected<std::string> compileTables(llvm::ArrayRef<Executable> stages, const machines::Machine &machine);

struct LinkOptions {
  std::string runtimeFolder; ///< where libKinuRuntime.a is; empty: $KINU_RUNTIME_DIR, else beside the compiler
  bool verbose = false;      ///< print the linker's command line on stderr
};

/// Links kernels, tables and the runtime to the executable `output`. Fails with the linker's own words, or with what
/// to run if the runtime or the arm64 sysroot is missing.
llvm::Error linkExecutable(const std::vector<std::string> &kernelObjects, llvm::ArrayRef<Executable> stages,
                           const machines::Machine &machine, const std::string &output,
                           const LinkOptions &options = {});

} // namespace kinu::emit
