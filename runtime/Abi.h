// The C ABI between generated code and the runtime.
//
// The compiler emits one constant `kinu_executable` and a function per kernel; the runtime walks the launch lists.
// Every buffer a kernel touches lies in one arena: a launch's arguments are byte offsets into it.
#pragma once

#include <cstdint>

extern "C" {

/// A compiled kernel. `run` does tasks [begin, end) of `tasks`; tasks are independent of one another, so the runtime
/// may split them over threads in any way without changing a bit of the result.
struct KinuKernel {
  const char *name;
  void (*run)(void *const *buffers, void *scratch, int64_t begin, int64_t end);
  int64_t tasks;
  int64_t scratchBytes; ///< private to each thread, 64-byte aligned
  double operations;    ///< floating-point operations of one launch
  double bytes;         ///< bytes one launch must move: operands and results once each
};

/// One launch: `kernels[kernel].run` over `buffers[i] = arena + offsets[firstArgument + i]`, inputs before results.
struct KinuLaunch {
  int32_t kernel;
  int32_t firstArgument;
  int32_t numArguments;
  const char *label; ///< where in the model this came from, for profiles and messages
};

struct KinuProgram {
  const char *name; ///< "micro", "count", "update", "eval", "generate", "constants"
  const KinuLaunch *launches;
  int64_t numLaunches;
  const int64_t *offsets;
};

struct KinuExecutable {
  int64_t abiVersion; ///< kKinuAbiVersion at the time of compiling
  int64_t arenaBytes; ///< without scratch; scratch is threads * max(scratchBytes), allocated with it
  const KinuKernel *kernels;
  int64_t numKernels;
  const KinuProgram *programs;
  int64_t numPrograms;
  const char *manifest; ///< JSON, zero-terminated: see Manifest.h
};

extern const KinuExecutable kinu_executable;
}

inline constexpr int64_t kKinuAbiVersion = 1;
