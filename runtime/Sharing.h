// How the tasks of a kernel are shared out to threads: what Executor and Team do, and the compiler's model of them.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kinu::rt {

/// Whether a kernel takes longer than waking the team, a few microseconds: by its arithmetic or by its traffic.
inline bool isWorthSplitting(int64_t tasks, double operations, double bytes) {
  return tasks > 1 && (operations > 5e4 || bytes > 3e4);
}

/// A thread takes its range of tasks in so many pieces. More would balance better, but a piece packs its operands for
/// itself.
inline constexpr int64_t kPieces = 4;

/// Tasks in a piece.
inline int64_t tasksOfPiece(int64_t tasks, int64_t threads) {
  return std::max<int64_t>(1, tasks / (threads * kPieces));
}

/// The first task of a thread's range.
inline int64_t firstTask(int64_t tasks, int64_t threads, int64_t thread) { return tasks * thread / threads; }

} // namespace kinu::rt
