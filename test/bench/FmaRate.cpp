// Chains of fused multiply-adds on the widest vectors of this machine; compiled with -march=native.
#include "test/bench/FmaRate.h"

#include <ctime>

#if defined(__AVX512F__)
static constexpr int kLanes = 16;
#elif defined(__AVX2__)
static constexpr int kLanes = 8;
#else
static constexpr int kLanes = 4;
#endif
#ifdef __aarch64__
#define KINU_REGISTER(value) "+w"(value)
#else
#define KINU_REGISTER(value) "+v"(value)
#endif
typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

double kinu::bench::secondsNow(Clock clock) {
  timespec time;
  clock_gettime(clock == Clock::wall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

double kinu::bench::fmaRate(int64_t rounds, Clock clock) {
  constexpr int kChains = 12;
  Vector sums[kChains], factor, term;
  for (int lane = 0; lane < kLanes; ++lane) {
    factor[lane] = 0.999f;
    term[lane] = 0.001f;
    for (Vector &sum : sums)
      sum[lane] = 1.5f;
  }
  double start = secondsNow(clock);
  for (int64_t round = 0; round < rounds; ++round)
#pragma clang loop unroll(full)
    for (int chain = 0; chain < kChains; ++chain) {
      sums[chain] = sums[chain] * factor + term;     // one fused multiply-add
      asm volatile("" : KINU_REGISTER(sums[chain])); // not to be computed ahead, or left out
    }
  return double(rounds) * kChains * kLanes * 2 / (secondsNow(clock) - start);
}
