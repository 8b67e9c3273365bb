// The kernel report: what the kernels of one training step do and cost by the model, as a page and as JSON.
#pragma once

#include "compiler/report/KernelModel.h"
#include "compiler/report/Traffic.h"

#include "llvm/Support/raw_ostream.h"

#include <vector>

namespace kinu::report {

/// Where a kernel's time goes: what takes longest by the model.
enum class Bound { Compute, L2, L3, Memory };
llvm::StringRef name(Bound bound);

/// A kernel with what all its launches of one step have in common.
struct KernelRow {
  std::string name;                 ///< as in profiles: k12_contraction
  std::string what;                 ///< what it computes, in a few words
  std::string where;                ///< in the spec, of its first launch
  std::string tile;                 ///< of products; empty for others
  int64_t count = 0;                ///< launches in a step, over all micro-batches
  double operations = 0, bytes = 0; ///< of one launch; bytes: operands and results once each
  TrafficBytes traffic;             ///< of all launches of a step: each byte once
  KernelModel model;
  // Set by `complete`.
  TrafficBytes moved; ///< of one launch: what caches fetch and write back, over and over
  Bound bound = Bound::Compute;
  double seconds = 0; ///< of one launch
  double share = 0;   ///< of the step
};

/// What ranks send one another.
struct CollectiveRow {
  std::string name, axes, where;
  int64_t count = 0, ranks = 1;
  double bytes = 0; ///< that one rank sends in one of them
  double seconds = 0, share = 0;
};

struct Report {
  std::string model, layout, precision;
  machines::Machine machine;
  machines::Timing timing;
  int64_t ranks = 1;
  int64_t threads = 1;               ///< of a rank: one rank has one memory group
  int64_t sequences = 0, length = 0; ///< of one rank and micro-batch
  int64_t microBatches = 1;
  double peak = 0; ///< operations per second of one rank, at the run's precision
  std::vector<KernelRow> kernels;
  std::vector<CollectiveRow> collectives;
  // Set by `complete`.
  double seconds = 0, operations = 0; ///< of a step

  double shareOfPeak() const { return seconds > 0 ? operations / seconds / peak : 0; }
};

/// Threads of a rank, and its operations per second: of products of 16-bit operands where the run has such.
int64_t threadsOfRank(const machines::Machine &machine);
double peakOfRank(const machines::Machine &machine, llvm::StringRef precision);

/// Times, bounds, shares and the order: the largest share first.
void complete(Report &report);

void printText(const Report &report, llvm::raw_ostream &os);
void printJson(const Report &report, llvm::raw_ostream &os);

} // namespace kinu::report
