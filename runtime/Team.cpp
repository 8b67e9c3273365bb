// See Team.h.
#include "runtime/Team.h"

#include "runtime/Sharing.h"

#include <algorithm>
#include <omp.h>

namespace kinu::rt {

static uint64_t packed(int64_t begin, int64_t end) { return uint64_t(begin) << 32 | uint64_t(end); }

int Team::self() { return omp_get_thread_num(); }

void Team::share(int64_t tasks) {
  piece = tasksOfPiece(tasks, size());
  for (int64_t i = 0; i < size(); ++i)
    ranges[size_t(i)].left = packed(firstTask(tasks, size(), i), firstTask(tasks, size(), i + 1));
}

/// From the front of the own range, else from the back of another's.
bool Team::takePiece(int thread, int64_t &begin, int64_t &end) {
  for (int i = 0; i < size(); ++i) {
    Range &range = ranges[size_t((thread + i) % size())];
    uint64_t left = range.left.load();
    while (int64_t(left >> 32) < int64_t(left & 0xffffffff)) {
      int64_t first = int64_t(left >> 32), last = int64_t(left & 0xffffffff), count = std::min(piece, last - first);
      begin = i == 0 ? first : last - count;
      end = begin + count;
      if (range.left.compare_exchange_weak(left, i == 0 ? packed(end, last) : packed(first, begin)))
        return true;
    }
  }
  return false;
}

} // namespace kinu::rt
