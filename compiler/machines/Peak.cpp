// See Peak.h.
#include "compiler/machines/Peak.h"

using namespace kinu::machines;

double kinu::machines::peakFlopsPerCore(const Machine &machine, llvm::StringRef precision) {
  if (precision == "bf16" && machine.hasAmx)
    return 2.0 * 16 * 16 * 32 / kTileProductCycles * machine.frequency;
  bool isTwice = precision == "bf16" || (precision == "fp16" && machine.hasFp16);
  return machine.peakFlopsPerCore() * (isTwice ? 2 : 1);
}
