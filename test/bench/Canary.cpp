// How much of this machine a benchmark would get at the moment: fused multiply-adds, and products of bf16 tiles, from
// registers, on every core at once, in 1e9 operations per second of the slowest core. Neighbours on the same host can
// halve them for minutes; a measurement is only worth comparing if the canary before and after it gave its usual
// numbers.
#include "test/bench/TileRate.h"

#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

/// Of the slowest core.
static double slowest(double (*rate)()) {
  std::vector<double> rates(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (double &each : rates)
    threads.emplace_back([&each, rate] { each = rate(); });
  for (std::thread &thread : threads)
    thread.join();
  return *std::min_element(rates.begin(), rates.end());
}

int main() {
  double fma = slowest([] { return kinu::bench::fmaRate(1 << 19); });
  double tiles = slowest([] { return kinu::bench::tileRate(1 << 18); });
  std::printf("%.1f %.1f\n", fma * 1e-9, tiles * 1e-9);
}
