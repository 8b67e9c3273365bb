// What a rank is doing: for messages about ranks that stop. The main thread writes, watchdog and signal handlers read.
#pragma once

#include "runtime/Abi.h"

#include <atomic>

namespace kinu::rt {

struct Position {
  std::atomic<int64_t> step{-1}; ///< that is under way, from 0; -1: none
  std::atomic<const char *> program{nullptr};
  std::atomic<const KinuLaunch *> launch{nullptr}; ///< the last one begun; null between programs
};

/// Of this process.
inline Position position;

/// While it lives, a step is under way.
class StepUnderWay {
public:
  explicit StepUnderWay(int64_t step) { position.step.store(step, std::memory_order_relaxed); }
  ~StepUnderWay() {
    position.launch.store(nullptr, std::memory_order_relaxed);
    position.program.store(nullptr, std::memory_order_relaxed);
    position.step.store(-1, std::memory_order_relaxed);
  }
  StepUnderWay(const StepUnderWay &) = delete;
};

} // namespace kinu::rt
