// How much of this machine a benchmark would get at the moment: fused multiply-adds from registers, on every core at
// once, in operations per second of the slowest core. Neighbours on the same host can halve it for minutes; a
// measurement is only worth comparing if the canary before and after it gave its usual number.
#include "test/bench/FmaRate.h"

#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

int main() {
  std::vector<double> rates(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (double &rate : rates)
    threads.emplace_back([&rate] { rate = kinu::bench::fmaRate(1 << 19); });
  for (std::thread &thread : threads)
    thread.join();
  std::printf("%.1f\n", *std::min_element(rates.begin(), rates.end()) * 1e-9);
}
