// What a kernel's code costs on a machine, by its instructions and how often they run.
#pragma once

#include "compiler/machines/Timing.h"
#include "compiler/report/CacheModel.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace kinu::report {

/// A kernel's code (emit::Listing) and how it is launched.
struct KernelCode {
  llvm::StringRef symbol, ir, assembly;
  int64_t tasks = 1;
  double operations = 0, bytes = 0;                     ///< of one launch
  std::vector<std::pair<int64_t, int64_t>> shared = {}; ///< pairs of buffers that are one memory
  bool evenly = false; ///< where the work lies hangs on what is read: threads are taken to have equal parts of it
};

/// What one block of a kernel does in a launch, all threads together.
struct BlockModel {
  double cycles = 0; ///< by its instructions
  CacheTraffic traffic;
};

/// One launch, by the instructions alone: memory comes on top (Report.h).
struct KernelFigures {
  double cycles = 0;            ///< of all threads together
  double longest = 0;           ///< of the thread that is done last, which is how long it takes
  int64_t threads = 1;          ///< that share the launch
  double instructions = 0;      ///< executed by all threads
  int64_t vectorRegisters = 0;  ///< named in the hottest loop
  int64_t spills = 0;           ///< instructions of the hottest loop that spill
  int64_t loopInstructions = 0; ///< of the hottest loop
  double loopCycles = 0;        ///< of one round of the hottest loop
  double loopShare = 0;         ///< of all cycles
};
struct KernelModel : KernelFigures {
  std::vector<BlockModel> blocks; ///< those that matter; the others are one
};

/// Follows the control flow of every piece that a thread takes at a time, and gives each block of machine instructions
/// the cycles it takes in the midst of many rounds (Cycles.h); a loop that ends costs a missed branch. Pieces are
/// handed to threads as the runtime does. Accesses are followed through the caches (CacheModel.h), a piece of each
/// thread in turn; in long launches the first pieces tell what each block moves in a run.
llvm::Expected<KernelModel> modelKernel(const KernelCode &code, int64_t threads, const machines::Machine &machine,
                                        const machines::Timing &timing);

} // namespace kinu::report
