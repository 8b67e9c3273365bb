// How fast a machine's cores and caches are: what the kernel report computes with, and nothing else asks for.
#pragma once

#include "compiler/machines/Machine.h"

namespace kinu::machines {

/// Figures of one core unless said otherwise. In a description they are the object `timing`.
struct Timing {
  // Sizes that replace those in LLVM's scheduling model; 0 everywhere: the model is not used.
  int64_t dispatch = 0;     ///< instructions handed on per cycle
  int64_t registerFile = 0; ///< renamed vector registers
  int64_t loadQueue = 0, storeQueue = 0;
  // Limits per cycle, which are used instead.
  double issueWidth = 4;
  double loadsPerCycle = 2, storesPerCycle = 1; ///< full vectors
  // Of the caches, whose sizes are the machine's.
  int64_t lineBytes = 64, l1Ways = 12, l2Ways = 16;
  // Bytes per second that the caches deliver.
  double l2BytesPerCycle = 32;     ///< from the second cache to one core
  double l2GroupBytesPerCycle = 0; ///< from one second cache to all its cores; 0: as many as they ask for
  double l3Bandwidth = 0;          ///< of the whole node, in bytes per second; 0: there is no such cache
  double memoryBandwidth = 0;      ///< of the whole node, in bytes per second, reading and writing together

  bool usesScheduling() const { return dispatch > 0; }
};

/// The timing of the machine of that name. That of `local` is found from the processor's name, and its bandwidths are
/// measured, once in a process, in about a tenth of a second: copies by all cores of what fits the last cache, and of
/// what does not.
llvm::Expected<Timing> findTiming(llvm::StringRef name);
Timing detectLocalTiming();

} // namespace kinu::machines
