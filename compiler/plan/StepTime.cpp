#include "compiler/plan/StepTime.h"

#include <algorithm>
#include <cassert>

using namespace kinu;
using namespace kinu::plan;

double plan::secondsOf(const MessageTime &message, double latency, double bandwidth) {
  auto of = [&](double rounds, double bytes) { return message.calls * rounds * latency + bytes / bandwidth; };
  double ring = of(message.rounds, message.bytes);
  return message.depth > 0 ? std::min(ring, of(message.depth, message.depth * message.bytes)) : ring;
}

namespace {
struct Seconds {
  double kernels = 0, messages = 0;
  double all() const { return kernels + messages; }
  Seconds operator+(const Seconds &other) const { return {kernels + other.kernels, messages + other.messages}; }
};

struct Model {
  Seconds of(const PassCost &pass) const {
    double efficiency = inputs.acrossGroups ? constants.efficiency : constants.efficiencyOfGroups;
    Seconds seconds{pass.operations == 0 ? 0 : pass.operations / (inputs.peak * efficiency), 0};
    for (const MessageTime &message : pass.messages)
      seconds.messages += secondsOf(message, inputs.latency, inputs.bandwidth);
    return seconds;
  }
  Seconds ofMicroBatch(const StageTime &stage) const {
    return of(stage.forward) + of(stage.backward) + of(stage.weights);
  }

  const TimeInputs &inputs;
  const TimeConstants &constants;
};
} // namespace

StepTime plan::modelStep(const TimeInputs &inputs, const TimeConstants &constants) {
  Model model{inputs, constants};
  Seconds microBatch, update;
  std::vector<tofu::PassTime> passes;
  for (const StageTime &stage : inputs.stages) {
    Seconds here = model.ofMicroBatch(stage), last = model.of(stage.update);
    microBatch = here.all() > microBatch.all() ? here : microBatch;
    update = last.all() > update.all() ? last : update;
    double weights = model.of(stage.weights).all();
    passes.push_back({model.of(stage.forward).all(), model.of(stage.backward).all() + weights, weights});
  }
  double count = double(inputs.microBatches);
  StepTime time;
  time.kernels = count * microBatch.kernels + update.kernels;
  time.messages = count * microBatch.messages + update.messages;
  if (!inputs.schedule.stages.empty()) {
    assert(inputs.schedule.stages.size() == inputs.stages.size() && "a schedule for each stage");
    time.timeline = tofu::play(inputs.schedule, passes);
    time.idle = time.timeline.length - count * microBatch.all();
  }
  time.total = time.kernels + time.messages + time.idle;
  return time;
}
