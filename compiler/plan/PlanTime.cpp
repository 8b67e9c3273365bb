// From a plan to the model of a step's time.
#include "compiler/plan/Plan.h"

using namespace kinu;
using namespace kinu::plan;

/// Messages of one kind, spread over so many runs of their program.
static MessageTime messageOf(const Plan &plan, const Traffic &traffic, double runs) {
  Flow flow{{}, traffic.sent(), traffic.kind == "all_to_all"};
  for (auto [m, axis] : llvm::enumerate(plan.mesh))
    if (llvm::is_contained(traffic.axes, axis.name) && axis.degree > 1)
      flow.axes.push_back(m);
  PlacementProblem alone = plan.problem;
  alone.flows = {flow};
  double busiest = 0;
  for (double bytes : measure(*plan.placement, alone).busiest)
    busiest = std::max(busiest, bytes);
  double rounds = double(traffic.ranks - 1) * (traffic.kind == "all_reduce" ? 2 : 1);
  return {double(traffic.calls) / runs, rounds, busiest / runs};
}

void plan::addTime(Plan &plan) {
  if (!plan.placement)
    return;
  TimeInputs inputs;
  inputs.peak = plan.machine.peakFlopsPerCore() * double(plan.machine.cores) / double(plan.ranksPerNode);
  inputs.latency = plan.problem.network.latency;
  inputs.bandwidth = plan.problem.network.linkBandwidth;
  inputs.microBatches = plan.microBatches;
  inputs.acrossGroups = plan.ranksPerNode < plan.machine.memoryGroups;
  for (const Stage &stage : plan.stages) {
    StageTime &time = inputs.stages.emplace_back();
    for (const Work &work : stage.work)
      (work.program == "update" ? time.updateOperations : time.operations) += work.operations;
    for (const Traffic &traffic : stage.traffic) {
      bool ofMicroBatch = traffic.program != "update" && traffic.program != "step";
      auto &list = ofMicroBatch ? time.messages : time.updateMessages;
      list.push_back(messageOf(plan, traffic, ofMicroBatch ? double(plan.microBatches) : 1));
    }
  }
  plan.time = modelStep(inputs);
}
