// Which bytes a launch touches of its buffers, by what its kernel does with them.
#pragma once

#include "dialects/step/Step.h"

#include <vector>

namespace kinu::report {

/// Results and operands that lie in the same place, by their numbers among a kernel's buffers.
std::vector<std::pair<int64_t, int64_t>> sharedBuffers(step::KernelOp kernel, step::LaunchOp launch);

/// Bytes that a launch touches of each operand and result: all of it, but of a table no more than is looked up, and of
/// one that is scattered to where it lies no more than the places of all elements.
llvm::SmallVector<int64_t> touchedBytes(step::KernelOp kernel, step::LaunchOp launch);

} // namespace kinu::report
