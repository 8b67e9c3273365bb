// Timing of descriptions, and of the machine at hand.
#include "compiler/machines/Timing.h"

#include "nlohmann/json.hpp"
#include "llvm/ADT/StringSwitch.h"

#include <cstring>
#include <ctime>
#include <numeric>
#include <thread>

using namespace kinu::machines;

/// Seconds that this thread has run, whoever else took its core meanwhile.
static double threadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// Bytes read and written per second by all cores, each copying `bytes` back and forth. The best of several, because
/// others may use the machine meanwhile; for the same reason each thread counts the time that it ran.
static double measureCopies(int64_t cores, int64_t bytes, int rounds) {
  std::vector<std::vector<char>> memory(size_t(cores), std::vector<char>(size_t(2 * bytes), 1));
  double best = 0;
  for (int run = 0; run < 4; ++run) {
    std::vector<double> rates(memory.size(), 0);
    std::vector<std::thread> threads;
    for (size_t core = 0; core < memory.size(); ++core)
      threads.emplace_back([own = memory[core].data(), &rate = rates[core], bytes, rounds] {
        double start = threadSeconds();
        for (int round = 0; round < rounds; ++round)
          std::memcpy(own + (round % 2) * bytes, own + (1 - round % 2) * bytes, size_t(bytes));
        rate = 2.0 * double(bytes) * rounds / (threadSeconds() - start);
      });
    for (std::thread &thread : threads)
      thread.join();
    best = std::max(best, std::accumulate(rates.begin(), rates.end(), 0.0));
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
