// The order in which the stages of a pipeline do their micro-batches: data, which the executable follows, `kinu plan`
// reads and tests play through.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kinu::tofu {

enum class ScheduleKind {
  GPipe,                 ///< `gpipe`: all forward passes, then all backward passes
  OneForwardOneBackward, ///< `1f1b`: a backward pass as soon as there is one (Narayanan et al. 2019, PipeDream-Flush)
  /// `zero_bubble`: as 1f1b, but gradients of weights are computed later, by stage s s micro-batches later, which keeps
  /// others waiting less (Qi et al. 2024, ZB-H1)
  ZeroBubble,
  /// `interleaved`: as 1f1b, but each stage has several chunks of the layers, and micro-batches go round the stages
  /// once for each (Narayanan et al. 2021, section 2.2). Micro-batches must be a multiple of the stages.
  Interleaved,
};

/// What the language calls a schedule; nothing for an unknown word.
std::optional<ScheduleKind> parseScheduleKind(llvm::StringRef word);
/// The words that `parseScheduleKind` knows.
std::vector<std::string> scheduleWords();

/// Whether a backward pass leaves gradients of weights to a pass of their own.
bool splitsBackward(ScheduleKind kind);

enum class Direction { Forward, Backward, Weights };

/// One pass of a stage over one micro-batch.
struct Slot {
  Direction direction;
  int64_t microBatch;
  int64_t buffer; ///< which of the stage's stores of activations the forward pass fills and the last other pass empties
  int64_t chunk = 0; ///< of the stage's layers
  bool operator==(const Slot &) const = default;
};

/// What every stage does in a step, in its order. Messages of a chunk between neighbours go by micro-batch, ascending,
/// in both directions, so that a receive needs no more than its chunk and its place in the list to find its send.
struct MicroBatchSchedule {
  std::vector<std::vector<Slot>> stages;
  int64_t chunks = 1; ///< of each stage: layers go to the first chunks of all stages, then to the second ones, ...

  /// Micro-batches that a stage has begun and not ended, at most: so many sets of activations it stores.
  int64_t buffers(int64_t stage) const;
};

/// `chunks`: of the interleaved schedule, else 1.
MicroBatchSchedule scheduleMicroBatches(ScheduleKind kind, int64_t stages, int64_t microBatches, int64_t chunks = 1);

/// Seconds that one pass of a chunk takes.
struct PassTime {
  double forward = 1, backward = 2;
  double weights = 1; ///< of `backward`, what gradients of weights take
};

/// A schedule played through: a pass begins when its stage is free and what it needs from another chunk has come.
struct Timeline {
  struct Span {
    double begin, end;
  };
  std::vector<std::vector<Span>> stages; ///< as the slots of the schedule
  double length = 0;                     ///< until the last stage is done

  double busy(int64_t stage) const;
  /// Idle time over the busy time of the stage that works most. With p equal stages and m micro-batches: for gpipe and
  /// 1f1b (p-1)/m (Huang et al. 2019; Narayanan et al. 2021, section 2.2); for zero_bubble (p-1)(f+b-2w) / m(f+b), f
  /// forward, b backward, w weights (Qi et al. 2024, table 2; their b is without w); for interleaved with v chunks
  /// (p-1)/(v m).
  double bubble() const;
};

/// `times`: one for each chunk of each stage, the first chunks of all stages first. `delay`: seconds from the end of a
/// pass to its message's arrival.
Timeline play(const MicroBatchSchedule &schedule, llvm::ArrayRef<PassTime> times, double delay = 0);

} // namespace kinu::tofu
