// The modelled time of a step: one simple model, written down here, with the constants that measurements gave.
//
//   step     = (micro-batches + stages - 1) * slowest stage's micro-batch + slowest stage's update + gradients'
//   messages kernels  = operations / (peak of the rank's cores * efficiency) messages = calls * rounds of a ring *
//   latency + bytes over the busiest link / bandwidth of a link
//
// A ring of n ranks takes n - 1 rounds, an all-reduce twice as many. Nothing overlaps. The constants are fitted to the
// two published steps of a 30B model on 192 and 384 nodes of Fugaku (test/plan/StepTimeTest.cpp).
#pragma once

#include <cstdint>
#include <vector>

namespace kinu::plan {

struct TimeConstants {
  /// Share of the peak that kernels reach on a rank that has a node for itself.
  double efficiency = 0.287;
  /// ... and with a rank for each memory group: measured at 2.28 times as much on one model (facts of others).
  double efficiencyOfGroups = 0.37;
};

/// One kind of message, of a micro-batch or of an update.
struct MessageTime {
  double calls = 0;  ///< how often
  double rounds = 0; ///< of a call, one after another
  double bytes = 0;  ///< over the busiest link, of all calls
};

/// What the ranks of one stage do.
struct StageTime {
  double operations = 0;       ///< of a rank and micro-batch
  double updateOperations = 0; ///< of a rank and step
  std::vector<MessageTime> messages, updateMessages;
};

struct TimeInputs {
  double peak = 0;      ///< operations per second of a rank
  double latency = 0;   ///< seconds
  double bandwidth = 1; ///< bytes per second of a link
  int64_t microBatches = 1;
  bool acrossGroups = true; ///< a rank's cores are in several memory groups
  std::vector<StageTime> stages;
};

/// Seconds of a step. All but `total` add up to it.
struct StepTime {
  double kernels = 0, messages = 0, idle = 0, total = 0;
};
StepTime modelStep(const TimeInputs &inputs, const TimeConstants &constants = {});

} // namespace kinu::plan
