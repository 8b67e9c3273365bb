// What a kernel's code costs on a machine, by its instructions and how often they run.
#pragma once

#include "compiler/machines/Timing.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace kinu::report {

/// A kernel's code (emit::Listing) and how it is launched.
struct KernelCode {
  llvm::StringRef symbol, ir, assembly;
  int64_t tasks = 1;
  double operations = 0, bytes = 0; ///< of one launch
};

/// One launch, by the instructions alone: memory comes on top (Report.h).
struct KernelModel {
  double cycles = 0;            ///< of all threads together
  double longest = 0;           ///< of the thread that is done last, which is how long it takes
  double instructions = 0;      ///< executed by all threads
  int64_t vectorRegisters = 0;  ///< named in the hottest loop
  int64_t spills = 0;           ///< instructions of the hottest loop that spill
  int64_t loopInstructions = 0; ///< of the hottest loop
  double loopCycles = 0;        ///< of one round of the hottest loop
  double loopShare = 0;         ///< of all cycles
};

/// Follows the control flow of every piece that a thread takes at a time, and gives each block of machine instructions
/// the cycles it takes in the midst of many rounds (Cycles.h); a loop that ends costs a missed branch. Pieces are
/// handed to threads as the runtime does.
llvm::Expected<KernelModel> modelKernel(const KernelCode &code, int64_t threads, const machines::Machine &machine,
                                        const machines::Timing &timing);

} // namespace kinu::report
