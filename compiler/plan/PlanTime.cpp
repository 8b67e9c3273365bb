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
  program = program.split('.').first; // of any chunk, and of the last micro-batch
  return program == "backward"                      ? stage.backward
         : program == "weights"                     ? stage.weights
         : program == "update" || program == "step" ? stage.update
                                                    : stage.forward;
}

/// Plays a run of a program; adds what is hidden to the messages, as often as a step runs it, and returns it for a run.
static double hide(const Work &work, std::vector<Traffic> &traffic, double rate) {
  std::vector<Event> events;
  for (const WorkEvent &from : work.events) {
    Event event{from.kind, from.operations / rate, from.message};
    if (from.kind != Event::Kernel)
      event.seconds = traffic[from.traffic].seconds * double(from.payload) / double(traffic[from.traffic].payload);
    events.push_back(event);
  }
  std::vector<double> waited = playMessages(events);
  double all = 0;
  for (auto [from, event, wait] : llvm::zip(work.events, events, waited)) {
    double hidden = (from.kind == Event::Start || from.kind == Event::Message ? event.seconds : 0) - wait;
    if (from.kind == Event::Kernel)
      continue;
    traffic[from.traffic].hidden += double(work.runs) * hidden;
    all += hidden;
  }
  return all;
}

/// The chunk of a stage that a program is of, `backward.1` of the second one.
static int64_t chunkOf(llvm::StringRef program) {
  int64_t chunk = 0;
  program.consume_back(step::kLast);
  program.split('.').second.getAsInteger(10, chunk);
  return chunk;
}

void plan::addTime(Plan &plan) {
  bool pipelined = !plan.schedule.stages.empty();
  if (!plan.placement && !pipelined)
    return;
  TimeInputs inputs;
  inputs.peak =
      machines::peakFlopsPerCore(plan.machine, plan.precision) * double(plan.machine.cores) / double(plan.ranksPerNode);
  inputs.latency = plan.problem.network.latency;
  inputs.bandwidth = plan.problem.network.linkBandwidth;
  inputs.microBatches = plan.microBatches;
  inputs.acrossGroups = plan.ranksPerNode < plan.machine.memoryGroups;
  inputs.schedule = plan.schedule;
  inputs.stages.resize(size_t(inputs.schedule.chunks) * plan.stages.size());
  for (auto [number, stage] : llvm::enumerate(plan.stages)) {
    // The chunk's time, and what it has in it of a program.
    auto timeOf = [&, first = number](llvm::StringRef program) -> StageTime & {
      return inputs.stages[size_t(chunkOf(program)) * plan.stages.size() + first];
    };
    auto runsOf = [&](const PassCost &pass, StageTime &time) {
      return &pass == &time.update ? 1 : double(plan.microBatches);
    };
    for (const Work &work : stage.work) {
      StageTime &time = timeOf(work.program);
      PassCost &pass = passOf(time, work.program);
      pass.operations += work.operations * double(work.runs) / runsOf(pass, time);
    }
    for (Traffic &traffic : stage.traffic) {
      if (!plan.placement)
        break;
      StageTime &time = timeOf(traffic.program);
      PassCost &pass = passOf(time, traffic.program);
      double runs = runsOf(pass, time);
      pass.messages.push_back(messageOf(plan, traffic, runs));
      traffic.seconds = runs * secondsOf(pass.messages.back(), inputs.latency, inputs.bandwidth);
    }
    for (const Work &work : stage.work) {
      StageTime &time = timeOf(work.program);
      PassCost &pass = passOf(time, work.program);
      if (plan.placement)
        pass.hidden +=
            hide(work, stage.traffic, inputs.peak * inputs.efficiency({})) * double(work.runs) / runsOf(pass, time);
    }
  }
  StepTime time = modelStep(inputs);
  plan.timeline = time.timeline;
  if (plan.placement)
    plan.time = std::move(time);
}
