// Timing of descriptions, and of the machine at hand.
#include "compiler/machines/Timing.h"

#include "nlohmann/json.hpp"
#include "llvm/ADT/StringSwitch.h"

#include <chrono>
#include <cstring>
#include <thread>

using namespace kinu::machines;

/// Bytes read and written per second by all cores, each copying `bytes` back and forth. The best of several, because
/// others may use the machine meanwhile.
static double measureCopies(int64_t cores, int64_t bytes, int rounds) {
  std::vector<std::vector<char>> memory(size_t(cores), std::vector<char>(size_t(2 * bytes), 1));
  double best = 0;
  for (int run = 0; run < 4; ++run) {
    auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (auto &own : memory)
      threads.emplace_back([&own, bytes, rounds] {
        for (int round = 0; round < rounds; ++round)
          std::memcpy(own.data() + (round % 2) * bytes, own.data() + (1 - round % 2) * bytes, size_t(bytes));
      });
    for (std::thread &thread : threads)
      thread.join();
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * double(bytes) * rounds * double(cores) / seconds.count());
  }
  return best;
}

/// Instructions per cycle of a processor (Intel and AMD optimization manuals).
static double issueWidthOf(llvm::StringRef cpu) {
  return llvm::StringSwitch<double>(cpu)
      .Cases({"sapphirerapids", "emeraldrapids", "graniterapids", "alderlake", "raptorlake", "znver3", "znver4"}, 6)
      .Case("znver5", 8)
      .Cases({"icelake-server", "icelake-client", "rocketlake", "tigerlake"}, 5)
      .Default(4);
}

Timing kinu::machines::detectLocalTiming() {
  static const Timing local = [] {
    Machine machine = detectLocal();
    if (machine.cpu == "a64fx")
      return llvm::cantFail(findTiming("fugaku"));
    Timing timing;
    timing.issueWidth = issueWidthOf(machine.cpu);
    // Sustained, not the 64 of manuals (Intel optimization manual, table on cache bandwidths).
    timing.l2BytesPerCycle = machine.vectorBits >= 512 ? 48 : 32;
    int64_t perCore = machine.l3Bytes / (8 * std::max<int64_t>(1, machine.cores));
    if (perCore > 2 * machine.l2Bytes)
      timing.l3Bandwidth = measureCopies(machine.cores, 2 * machine.l2Bytes, 4);
    int64_t large = std::max<int64_t>(32 << 20, machine.l3Bytes / std::max<int64_t>(1, machine.cores));
    timing.memoryBandwidth = measureCopies(machine.cores, large, 2);
    return timing;
  }();
  return local;
}
