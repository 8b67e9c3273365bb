// Times of launches from the model of their instructions and of memory, and their shares.
#include "compiler/report/Report.h"

#include "compiler/machines/Peak.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu;
using namespace kinu::report;
using kinu::machines::Machine;
using kinu::machines::Timing;

llvm::StringRef kinu::report::name(Bound bound) {
  switch (bound) {
  case Bound::Compute: return "compute";
  case Bound::L2: return "L2";
  case Bound::L3: return "L3";
  case Bound::Memory: return "memory";
  }
  llvm_unreachable("a bound");
}

int64_t kinu::report::threadsOfRank(const Machine &machine) { return machine.coresPerGroup(); }

double kinu::report::peakOfRank(const Machine &machine, llvm::StringRef precision) {
  return machines::peakFlopsPerCore(machine, precision) * double(threadsOfRank(machine));
}

/// Bytes per second that the second caches of a rank deliver to so many threads.
static double l2Bandwidth(const Report &report, int64_t threads) {
  const Machine &machine = report.machine;
  double perCycle = double(threads) * report.timing.l2BytesPerCycle;
  double caches = std::max(1.0, double(threads) / double(machine.l2Cores));
  if (report.timing.l2GroupBytesPerCycle > 0)
    perCycle = std::min(perCycle, caches * report.timing.l2GroupBytesPerCycle);
  return perCycle * machine.frequency;
}

/// Of a kernel whose code is not known: one block, whose bytes come through the second cache once.
static std::vector<BlockModel> blocksOf(const KernelRow &row, const TrafficBytes &once) {
  if (!row.model.blocks.empty())
    return row.model.blocks;
  CacheTraffic traffic{once.l2 + once.l3 + once.memory, 0, 0, 1};
  return {{row.model.longest * double(row.model.threads), traffic}};
}

/// Each block takes the longer of its instructions and its transfers, which do not overlap one another (the
/// execution-cache-memory model; Stengel, Treibig, Hager and Wellein, 2015), and blocks follow one another: so a loop
/// that packs at memory's speed does not hide behind the one that multiplies. What is touched for the first time comes
/// from where launches before left it, in equal parts for all blocks.
static void completeKernel(const Report &report, KernelRow &row) {
  double groups = double(std::max<int64_t>(1, report.machine.memoryGroups)), count = double(row.count);
  TrafficBytes once{row.traffic.l2 / count, row.traffic.l3 / count, row.traffic.memory / count};
  std::vector<BlockModel> blocks = blocksOf(row, once);
  CacheTraffic all;
  double cycles = 0;
  for (const BlockModel &block : blocks) {
    all += block.traffic;
    cycles += block.cycles;
  }
  row.moved = {all.l2, once.l3 + all.l3, once.memory + all.memory};
  auto seconds = [&](double bytes, double bandwidth) { return bandwidth > 0 ? bytes / bandwidth : 0; };
  double time[4] = {}; // by what takes the longest
  for (const BlockModel &block : blocks) {
    double part = all.fresh > 0 ? block.traffic.fresh / all.fresh : cycles > 0 ? block.cycles / cycles : 1;
    double computing = block.cycles / report.machine.frequency / double(row.model.threads);
    double l2 = seconds(block.traffic.l2, l2Bandwidth(report, row.model.threads));
    double l3 = seconds(block.traffic.l3 + part * once.l3, report.timing.l3Bandwidth / groups);
    double memory = seconds(block.traffic.memory + part * once.memory, report.timing.memoryBandwidth / groups);
    Bound bound = computing >= l2 + l3 + memory ? Bound::Compute
                  : memory >= std::max(l2, l3)  ? Bound::Memory
                  : l3 >= l2                    ? Bound::L3
                                                : Bound::L2;
    time[int(bound)] += std::max(computing, l2 + l3 + memory);
  }
  row.bound = Bound(std::max_element(time, time + 4) - time);
  double uneven = cycles > 0 ? row.model.longest * double(row.model.threads) / cycles : 1;
  row.seconds = uneven * (time[0] + time[1] + time[2] + time[3]);
}

/// Ranks of one node copy through its memory, which takes a read, a read and a write for each byte of a sum; others
/// send over the network. Neither hides behind kernels.
static void completeCollective(const Report &report, CollectiveRow &row) {
  const Machine &machine = report.machine;
  if (row.ranks <= machine.memoryGroups || !machine.network) {
    double bandwidth = report.timing.memoryBandwidth / double(std::max<int64_t>(1, machine.memoryGroups));
    row.seconds = bandwidth > 0 ? 3 * row.bytes / bandwidth : 0;
  } else {
    row.seconds = row.bytes / machine.network->linkBandwidth + 2 * double(row.ranks) * machine.network->latency;
  }
}

void kinu::report::complete(Report &report) {
  report.seconds = report.operations = 0;
  for (KernelRow &row : report.kernels) {
    completeKernel(report, row);
    report.seconds += double(row.count) * row.seconds;
    report.operations += double(row.count) * row.operations;
  }
  for (CollectiveRow &row : report.collectives) {
    completeCollective(report, row);
    report.seconds += double(row.count) * row.seconds;
  }
  double whole = report.seconds > 0 ? report.seconds : 1;
  for (KernelRow &row : report.kernels)
    row.share = double(row.count) * row.seconds / whole;
  for (CollectiveRow &row : report.collectives)
    row.share = double(row.count) * row.seconds / whole;
  llvm::sort(report.kernels, [](const KernelRow &x, const KernelRow &y) {
    return x.share != y.share ? x.share > y.share : x.name < y.name;
  });
  llvm::sort(report.collectives, [](const CollectiveRow &x, const CollectiveRow &y) {
    return std::tie(y.share, x.name, x.axes) < std::tie(x.share, y.name, y.axes);
  });
}
