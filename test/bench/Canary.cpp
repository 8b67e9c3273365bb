// How much of this machine a benchmark would get at the moment: fused multiply-adds from registers, on every core at
// once, in operations per second of the slowest core. Neighbours on the same host can halve it for minutes; a
// measurement is only worth comparing if the canary before and after it gave its usual number.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

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

/// Operations per second of this core over about 20 ms: twelve independent chains hide the latency of two pipes.
static double measure() {
  constexpr int kChains = 12;
  constexpr int64_t kRounds = 1 << 19;
  Vector sums[kChains], factor, term;
  for (int lane = 0; lane < kLanes; ++lane) {
    factor[lane] = 0.999f;
    term[lane] = 0.001f;
    for (Vector &sum : sums)
      sum[lane] = 1.5f;
  }
  auto start = std::chrono::steady_clock::now();
  for (int64_t round = 0; round < kRounds; ++round)
#pragma clang loop unroll(full)
    for (int chain = 0; chain < kChains; ++chain) {
      sums[chain] = sums[chain] * factor + term;     // one fused multiply-add
      asm volatile("" : KINU_REGISTER(sums[chain])); // not to be computed ahead, or left out
    }
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return double(kRounds) * kChains * kLanes * 2 / seconds.count();
}

int main() {
  std::vector<double> rates(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (double &rate : rates)
    threads.emplace_back([&rate] { rate = measure(); });
  for (std::thread &thread : threads)
    thread.join();
  std::printf("%.1f\n", *std::min_element(rates.begin(), rates.end()) * 1e-9);
}
