// See Team.h.
#include "runtime/Team.h"

#include <algorithm>
#include <chrono>
#include <sched.h>

namespace kinu::rt {

/// A range is taken in so many pieces. More would balance better, but a piece packs its operands for itself.
static constexpr int64_t kPieces = 4;

/// How long a thread without work stays awake, yielding its core to whoever wants it: waking it takes longer than a
/// small kernel.
static constexpr std::chrono::microseconds kAwake{20000};

/// How often to look before yielding for the first time, some tens of microseconds.
static constexpr int kLooks = 2000;

static uint64_t packed(int64_t begin, int64_t end) { return uint64_t(begin) << 32 | uint64_t(end); }

static void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Waits for something that is due within microseconds or, on a busy machine, when other processes have had their turn.
/// False if it takes longer than `patience`.
template <class Condition> static bool comesWithin(std::chrono::steady_clock::duration patience, Condition condition) {
  for (int look = 0; look < kLooks; ++look) {
    if (condition())
      return true;
    pause();
  }
  auto start = std::chrono::steady_clock::now();
  while (!condition()) {
    if (std::chrono::steady_clock::now() - start > patience)
      return false;
    sched_yield();
  }
  return true;
}

Team::Team(int size, const std::function<void(int)> &start) : ranges(size_t(size)) {
  for (int thread = 1; thread < size; ++thread)
    threads.emplace_back([this, thread, start] {
      start(thread);
      serve(thread);
    });
}

Team::~Team() {
  stopping = true;
  ++jobs;
  jobs.notify_all();
  for (std::thread &thread : threads)
    thread.join();
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

void Team::workOn(int thread) {
  for (int64_t begin, end; takePiece(thread, begin, end);)
    (*work)(thread, begin, end);
}

void Team::run(int64_t tasks, const Work &job) {
  work = &job;
  piece = std::max<int64_t>(1, tasks / (size() * kPieces));
  for (int64_t i = 0; i < size(); ++i)
    ranges[size_t(i)].left = packed(tasks * i / size(), tasks * (i + 1) / size());
  open = true;
  ++jobs;
  jobs.notify_all();
  workOn(0);
  open = false;
  while (!comesWithin(kAwake, [&] { return active == 0; }))
    ; // a piece can be large
}

void Team::waitForJob(uint32_t seen) {
  if (!comesWithin(kAwake, [&] { return jobs != seen; }))
    jobs.wait(seen);
}

void Team::serve(int thread) {
  for (uint32_t seen = 0; !stopping;) {
    waitForJob(seen);
    seen = jobs;
    // Whoever is counted before the job is closed may work on it: `run` waits for it. Who comes later finds it closed.
    ++active;
    if (open)
      workOn(thread);
    --active;
  }
}

} // namespace kinu::rt
