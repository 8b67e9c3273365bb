// What a step of ControlFlowCode.h computes, and comparisons of followed integers.
#pragma once

#include "compiler/report/ControlFlowCode.h"

namespace kinu::report {

/// The address that stands for the table of buffers.
inline constexpr int64_t kTable = int64_t(1) << 60;

/// What is the same for all steps.
struct Surroundings {
  int64_t vscale;
  std::vector<int64_t> buffers; ///< by the entry of the table: which buffer it is; behind the end, its own number
};

/// The value of a step that calls nothing; 0 for what is not followed.
int64_t valueOf(const Step &step, const Frame &frame, const Surroundings &in);

/// A followed integer of `width` bits as a comparison takes it.
__int128 widened(llvm::CmpInst::Predicate predicate, int64_t value, unsigned width);
bool compares(llvm::CmpInst::Predicate predicate, __int128 x, __int128 y);

} // namespace kinu::report
