#include "compiler/plan/StepTime.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace kinu;
using namespace kinu::plan;

double plan::secondsOf(const MessageTime &message, double latency, double bandwidth) {
  auto of = [&](double rounds, double bytes) { return message.calls * rounds * latency + bytes / bandwidth; };
  double ring = of(message.rounds, message.bytes);
  return message.depth > 0 ? std::min(ring, of(message.depth, message.depth * message.bytes)) : ring;
}

std::vector<double> plan::playMessages(const std::vector<Event> &events) {
  std::vector<double> waited(events.size(), 0);
  std::vector<double> arrival; // of started messages
  double now = 0, link = 0;    // the link is free from then on
  for (size_t i = 0; i < events.size(); ++i) {
    const Event &event = events[i];
    double until = now;
    switch (event.kind) {
    case Event::Kernel: now += event.seconds; continue;
    case Event::Message: until = link = std::max(now, link) + event.seconds; break;
    case Event::Start:
      arrival.resize(std::max<size_t>(arrival.size(), event.message + 1));
      arrival[event.message] = link = std::max(now, link) + event.seconds;
      break;
    case Event::Wait: until = std::max(now, arrival[event.message]); break;
    }
    waited[i] = until - now;
    now = until;
  }
  return waited;
}

namespace {
struct Seconds {
  double kernels = 0, messages = 0, hidden = 0;
  double all() const { return kernels + messages; }
  Seconds operator+(const Seconds &other) const {
    return {kernels + other.kernels, messages + other.messages, hidden + other.hidden};
  }
};

struct Model {
  Seconds of(const PassCost &pass) const {
    double rate = inputs.peak * inputs.efficiency(constants);
    Seconds seconds{pass.operations == 0 ? 0 : pass.operations / rate, -pass.hidden, pass.hidden};
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
  size_t stages = inputs.schedule.stages.empty() ? inputs.stages.size() : inputs.schedule.stages.size();
  std::vector<Seconds> microBatchOf(stages), updateOf(stages);
  for (auto [i, stage] : llvm::enumerate(inputs.stages)) {
    microBatchOf[i % stages] = microBatchOf[i % stages] + model.ofMicroBatch(stage);
    updateOf[i % stages] = updateOf[i % stages] + model.of(stage.update);
    double weights = model.of(stage.weights).all();
    passes.push_back({model.of(stage.forward).all(), model.of(stage.backward).all() + weights, weights});
  }
  for (auto [here, last] : llvm::zip(microBatchOf, updateOf)) {
    microBatch = here.all() > microBatch.all() ? here : microBatch;
    update = last.all() > update.all() ? last : update;
  }
  double count = double(inputs.microBatches);
  StepTime time;
  time.kernels = count * microBatch.kernels + update.kernels;
  time.messages = count * microBatch.messages + update.messages;
  time.hidden = count * microBatch.hidden + update.hidden;
  if (!inputs.schedule.stages.empty()) {
    time.timeline = tofu::play(inputs.schedule, passes);
    time.idle = time.timeline.length - count * microBatch.all();
  }
  time.total = time.kernels + time.messages + time.idle;
  return time;
}
