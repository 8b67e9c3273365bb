// From a plan to the model of a step's time.
#include "compiler/plan/Plan.h"

#include "compiler/machines/Peak.h"

#include <cmath>

using namespace kinu;
using namespace kinu::plan;

/// Messages of one kind, spread over so many runs of their program. Without a placement nobody knows their way.
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
  bool ofPair = traffic.kind == "send" || traffic.kind == "receive";
  double rounds = ofPair ? 1 : double(traffic.ranks - 1) * (traffic.kind == "all_reduce" ? 2 : 1);
  double depth = ofPair || traffic.kind == "all_to_all" ? 0 : std::ceil(std::log2(double(traffic.ranks)));
  return {double(traffic.calls) / runs, rounds, busiest / runs, depth};
}

/// The part of a step that a program belongs to. What counts a loss goes with the forward pass.
static PassCost &passOf(StageTime &stage, llvm::StringRef program) {
  return program == "backward"                      ? stage.backward
         : program == "weights"                     ? stage.weights
         : program == "update" || program == "step" ? stage.update
                                                    : stage.forward;
}

void plan::addTime(Plan &plan) {
  bool pipelined = !plan.schedule.stages.empty();
  if (!plan.placement && !pipelined)
    return;
  TimeInputs inputs;
  inputs.peak = machines::peakFlopsPerCore(plan.machine, plan.precision) * double(plan.machine.cores) / double(plan.ranksPerNode);
  inputs.latency = plan.problem.network.latency;
  inputs.bandwidth = plan.problem.network.linkBandwidth;
  inputs.microBatches = plan.microBatches;
  inputs.acrossGroups = plan.ranksPerNode < plan.machine.memoryGroups;
  inputs.schedule = plan.schedule;
  for (Stage &stage : plan.stages) {
    StageTime &time = inputs.stages.emplace_back();
    for (const Work &work : stage.work)
      passOf(time, work.program).operations += work.operations;
    for (Traffic &traffic : stage.traffic) {
      if (!plan.placement)
        break;
      PassCost &pass = passOf(time, traffic.program);
      double runs = &pass == &time.update ? 1 : double(plan.microBatches);
      pass.messages.push_back(messageOf(plan, traffic, runs));
      traffic.seconds = runs * secondsOf(pass.messages.back(), inputs.latency, inputs.bandwidth);
    }
  }
  StepTime time = modelStep(inputs);
  plan.timeline = time.timeline;
  if (plan.placement)
    plan.time = std::move(time);
}
