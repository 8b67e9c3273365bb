// The modelled time of a step: one simple model, written down here, with the constants that measurements gave.
//
//   step     = the micro-batches, played through the stages in the order of the schedule, + the slowest update
//   pass     = kernels + what is waited of messages, of one program for one micro-batch
//   kernels  = operations / (peak of the rank's cores * efficiency)
//   messages = calls * rounds of a ring * latency + bytes over the busiest link / bandwidth of a link
//
// A ring of n ranks takes n - 1 rounds, an all-reduce twice as many; where latency is all there is, a tree of log n
// rounds that each move all bytes is cheaper, and taken. A collective that was begun earlier than it is waited for runs
// while kernels do; all of a rank's share one link, one after another (`playMessages`). The constants are fitted to the
// two published steps of a 30B model on 192 and 384 nodes of Fugaku (test/plan/StepTimeTest.cpp).
#pragma once

#include "dialects/tofu/MicroBatchSchedule.h"

#include <cstdint>
#include <vector>

namespace kinu::plan {

struct TimeConstants {
  /// Share of the peak that kernels reach on a rank that has a node for itself.
  double efficiency = 0.287;
  /// ... and with a rank for each memory group: measured at 2.28 times as much on one model (facts of others).
  double efficiencyOfGroups = 0.37;
};

/// One kind of message of a program.
struct MessageTime {
  double calls = 0;  ///< how often
  double rounds = 0; ///< of a call, one after another
  double bytes = 0;  ///< over the busiest link, of all calls
  double depth = 0;  ///< rounds of a tree instead, each with all bytes; 0: there is none
};
/// Of all calls. Latency in seconds, bandwidth of a link in bytes per second.
double secondsOf(const MessageTime &message, double latency, double bandwidth);

/// What a rank does in one run of a program.
struct PassCost {
  double operations = 0;
  std::vector<MessageTime> messages;
  double hidden = 0; ///< seconds of the messages that nobody waits for
};

/// What the ranks of one stage, or of one of its chunks of layers, do: for a micro-batch, and once a step. Without a
/// pipeline `forward` has both passes.
struct StageTime {
  PassCost forward, backward, weights, update;
};

/// What a rank does in a run of a program, one after another.
struct Event {
  enum Kind { Kernel, Message, Start, Wait } kind = Kernel;
  double seconds = 0;   ///< of a kernel, or of a message on the link; a wait has none of its own
  unsigned message = 0; ///< of Start and Wait: which message
};
/// How long the rank waits at each event: at messages that block, and for those that were started.
std::vector<double> playMessages(const std::vector<Event> &events);

struct TimeInputs {
  double peak = 0;      ///< operations per second of a rank
  double latency = 0;   ///< seconds
  double bandwidth = 1; ///< bytes per second of a link
  int64_t microBatches = 1;
  bool acrossGroups = true;          ///< a rank's cores are in several memory groups
  tofu::MicroBatchSchedule schedule; ///< of a pipeline; without one, empty
  std::vector<StageTime> stages;     ///< with chunks the first ones of all stages, then the second ones, ...

  double efficiency(const TimeConstants &constants) const {
    return acrossGroups ? constants.efficiency : constants.efficiencyOfGroups;
  }
};

/// Seconds of a step. All but `total` and `hidden` add up to it: kernels and messages are those of the busiest stage,
/// `idle` is the time that it waits for others. `hidden`: of messages, beside `messages`, while kernels run.
struct StepTime {
  double kernels = 0, messages = 0, idle = 0, total = 0, hidden = 0;
  tofu::Timeline timeline; ///< of a pipeline: when each pass of the schedule runs
};
StepTime modelStep(const TimeInputs &inputs, const TimeConstants &constants = {});

} // namespace kinu::plan
