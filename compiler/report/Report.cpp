// Times of launches from the model of their instructions and of memory, and their shares.
#include "compiler/report/Report.h"

#include "llvm/ADT/STLExtras.h"

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

int64_t kinu::report::threadsOfRank(const Machine &machine) {
  return std::max<int64_t>(1, machine.cores / std::max<int64_t>(1, machine.memoryGroups));
}

double kinu::report::peakOfRank(const Machine &machine, const Timing &timing, llvm::StringRef precision) {
  double perCore = machine.peakFlopsPerCore();
  if (precision == "bf16" && machine.hasAmx)
    perCore = 2.0 * 16 * 16 * 32 / timing.tileCycles * machine.frequency; // a product of tiles
  else if (precision == "bf16" || (precision == "fp16" && machine.hasFp16))
    perCore *= 2;
  return perCore * double(threadsOfRank(machine));
}

/// Bytes per second that the second caches of a rank deliver.
static double l2Bandwidth(const Report &report) {
  const Machine &machine = report.machine;
  double perCycle = double(report.threads) * report.timing.l2BytesPerCycle;
  double caches = std::max(1.0, double(report.threads) / double(machine.l2Cores));
  if (report.timing.l2GroupBytesPerCycle > 0)
    perCycle = std::min(perCycle, caches * report.timing.l2GroupBytesPerCycle);
  return perCycle * machine.frequency;
}

static void completeKernel(const Report &report, KernelRow &row) {
  double groups = double(std::max<int64_t>(1, report.machine.memoryGroups)), count = double(row.count);
  auto seconds = [&](double bytes, double bandwidth) { return bandwidth > 0 ? bytes / count / bandwidth : 0; };
  double l2 = seconds(row.traffic.l2, l2Bandwidth(report));
  double l3 = seconds(row.traffic.l3, report.timing.l3Bandwidth / groups);
  double memory = seconds(row.traffic.memory, report.timing.memoryBandwidth / groups);
  double computing = row.model.longest / report.machine.frequency, moving = l2 + l3 + memory;
  row.seconds = std::max(computing, moving);
  row.bound = computing >= moving          ? Bound::Compute
              : memory >= std::max(l2, l3) ? Bound::Memory
              : l3 >= l2                   ? Bound::L3
                                           : Bound::L2;
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
