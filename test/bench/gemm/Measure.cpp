// See Measure.h.
#include "test/bench/gemm/Measure.h"

#include "test/bench/MemoryLoops.h"
#include "test/bench/TileRate.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>

using namespace kinu::bench;

// GNU's OpenMP, which Debian's oneDNN is linked with; clang compiles pragmas for another one only.
extern "C" void GOMP_parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags);
extern "C" int omp_get_thread_num();
extern "C" void omp_set_num_threads(int threads);
extern "C" void omp_set_dynamic(int dynamic);

void kinu::bench::setThreads(int threads) {
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
}

void kinu::bench::onTeam(int threads, const std::function<void(int)> &work) {
  auto call = [](void *data) { (*static_cast<const std::function<void(int)> *>(data))(omp_get_thread_num()); };
  GOMP_parallel(call, const_cast<std::function<void(int)> *>(&work), unsigned(threads), 0);
}

Memory::Memory(int64_t size) : bytes((size + (2 << 20) - 1) / (2 << 20) * (2 << 20)) {
  base = kinu::test::allocateLarge(size_t(bytes));
  std::memset(base, 0, size_t(bytes));
}

Memory::~Memory() { std::free(base); }

/// One thread needs no other: time that another process has the core is not its own.
static Clock clockFor(int threads) { return threads == 1 ? Clock::thread : Clock::wall; }

/// Operations per second of the slowest thread, over about half a millisecond.
static double canary(int threads, double (*rate)(int64_t, Clock)) {
  std::vector<double> rates(size_t(threads), 0);
  onTeam(threads, [&](int thread) { rates[size_t(thread)] = rate(1 << 14, clockFor(threads)); });
  return *std::min_element(rates.begin(), rates.end());
}

namespace {
/// What the canary has given so far, by the best of which later rates are judged.
struct Quiet {
  std::vector<double> rates[2]; ///< of one thread, of several
  double best[2] = {0, 0}, bestOfTiles[2] = {0, 0};
  double waited = 0; ///< seconds, in all

  bool now(int threads) {
    double rate = canary(threads, fmaRate), tiles = canary(threads, tileRate);
    double &highest = best[threads > 1], &highestOfTiles = bestOfTiles[threads > 1];
    highest = std::max(highest, rate);
    highestOfTiles = std::max(highestOfTiles, tiles);
    rates[threads > 1].push_back(rate);
    return rate >= 0.93 * highest && tiles >= 0.93 * highestOfTiles;
  }

  /// Waits until it is quiet, for a second at most, and two minutes in a process.
  bool soon(int threads) {
    double start = secondsNow(Clock::wall), elapsed = 0;
    bool isQuiet = now(threads);
    for (; !isQuiet && elapsed < 1 && waited + elapsed < 120; elapsed = secondsNow(Clock::wall) - start) {
      timespec pause{0, 10'000'000};
      nanosleep(&pause, nullptr);
      isQuiet = now(threads);
    }
    waited += elapsed;
    return isQuiet;
  }
};
} // namespace
static Quiet quiet;

CanaryRange kinu::bench::canaryRange(int threads) {
  const std::vector<double> &rates = quiet.rates[threads > 1];
  return {*std::min_element(rates.begin(), rates.end()), median(rates), quiet.best[threads > 1]};
}

static double seconds(const std::function<void()> &run, Clock clock) {
  double start = secondsNow(clock);
  run();
  return secondsNow(clock) - start;
}

int kinu::bench::measure(std::vector<Contestant> &contestants, double operations, int rounds, int threads) {
  for (int i = 0; i < 5; ++i)
    quiet.now(threads);
  for (Contestant &contestant : contestants) // once to touch memory and to make what is made at first use
    contestant.run();
  int disturbed = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<double> rates(contestants.size());
    bool clean = false;
    for (int attempt = 0; attempt < 3 && !clean; ++attempt) {
      clean = quiet.soon(threads);
      for (size_t i = 0; i < contestants.size(); ++i) {
        size_t next = (i + size_t(round)) % contestants.size();
        rates[next] = operations / seconds(contestants[next].run, clockFor(threads));
        clean = quiet.now(threads) && clean;
      }
    }
    disturbed += !clean;
    for (size_t i = 0; i < contestants.size(); ++i)
      contestants[i].rates.push_back(rates[i]);
  }
  return disturbed;
}

double kinu::bench::median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[values.size() / 2] + values[(values.size() - 1) / 2]) / 2;
}
