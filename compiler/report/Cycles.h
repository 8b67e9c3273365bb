// How many cycles a block of machine instructions takes when it runs again and again.
#pragma once

#include "compiler/machines/Timing.h"
#include "compiler/report/Assembly.h"

namespace kinu::report {

/// Cycles of one run of a block in the midst of many.
///
/// Where the machine's timing has sizes of queues, by LLVM's scheduling model for the processor and its MCA library,
/// with these sizes in place of the model's. Else by limits per cycle: instructions, loads, stores and vector
/// arithmetic, whichever is reached first; that hides every latency. Calls and returns count nothing themselves.
double cyclesOf(const Assembly &code, const MachineBlock &block, const machines::Machine &machine,
                const machines::Timing &timing);

/// What is lost when the processor goes on where a loop ends.
double cyclesOfMissedBranch(const Assembly &code);

} // namespace kinu::report
