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

enum KinuCollectiveKind : int32_t {
  kKinuAllReduce,
  kKinuReduceScatter,
  kKinuAllGather,
  kKinuAllToAll,
  kKinuSend,    ///< begins; its operand is not written before a program runs that sends from there, too
  kKinuReceive, ///< waits; it may begin before its program runs, if nobody else writes its buffer
  kKinuWait,    ///< for what was begun in its slot; its arguments are those of what it waits for
  kKinuShift    ///< to the next rank of the group, from the one before
};
enum KinuReduction : int32_t { kKinuSum, kKinuMax, kKinuMin };
enum KinuElement : int32_t { kKinuF32, kKinuI64, kKinuI1, kKinuBf16, kKinuF16 };

/// What the ranks of a group send one another; one operand, one result. A send has no result, a receive no operand.
struct KinuCollective {
  int32_t kind, reduction, dtype;
  int64_t count;    ///< elements of the smaller of operand and result; of all-to-all, of what one rank gets
  const char *axes; ///< of the mesh, separated by commas: the group is the ranks that differ in these only. `pipe:0:3`:
                    ///< of these only those at places 0 and 3
  int32_t peer;     ///< of a send or receive: the other rank's place along the axis
  int32_t tag;      ///< messages of one tag between two ranks come in the order in which they were sent
  /// What a kKinuWait of the same program ends has its number, and only begins here; -1: it blocks. Until then its
  /// buffers are nobody else's. Of a kKinuReceive: not -1 if its buffer is nobody else's at any time.
  int32_t slot;
};

/// One launch: `kernels[kernel].run` over `buffers[i] = arena + offsets[firstArgument + i]`, inputs before results.
struct KinuLaunch {
  int32_t kernel; ///< or, below 0, collective number -1 - kernel
  int32_t firstArgument;
  int32_t numArguments;
  const char *label; ///< where in the model this came from, for profiles and messages
};

struct KinuProgram {
  const char *name; ///< "micro" or, of a stage, "forward" and "backward", "count", "update", "eval", "generate",
                    ///< "constants"; with ".last" behind it, what is run instead over the last micro-batch of a step
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
  const KinuCollective *collectives;
  int64_t numCollectives;
  /// A stage of a pipeline has `stores` runs of `storeBytes` bytes, the first at `storeOffset`, one for each
  /// micro-batch that is under way. Launches speak of the first.
  int64_t storeOffset, storeBytes, stores;
  const KinuExecutable *next; ///< of the next stage of the pipeline; null for the last
};

extern const KinuExecutable kinu_executable;
}

inline constexpr int64_t kKinuAbiVersion = 5;
