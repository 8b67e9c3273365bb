#include "compiler/plan/StepTime.h"

#include <algorithm>

using namespace kinu::plan;

static double secondsOf(const std::vector<MessageTime> &messages, const TimeInputs &inputs) {
  double seconds = 0;
  for (const MessageTime &message : messages)
    seconds += message.calls * message.rounds * inputs.latency + message.bytes / inputs.bandwidth;
  return seconds;
}

StepTime kinu::plan::modelStep(const TimeInputs &inputs, const TimeConstants &constants) {
  double sustained = inputs.peak * (inputs.acrossGroups ? constants.efficiency : constants.efficiencyOfGroups);
  double kernels = 0, messages = 0, update = 0, updateMessages = 0, slowest = -1;
  for (const StageTime &stage : inputs.stages) {
    double compute = stage.operations / sustained, talk = secondsOf(stage.messages, inputs);
    if (compute + talk > slowest) {
      slowest = compute + talk;
      kernels = compute;
      messages = talk;
    }
    update = std::max(update, stage.updateOperations / sustained);
    updateMessages = std::max(updateMessages, secondsOf(stage.updateMessages, inputs));
  }
  double count = double(inputs.microBatches), waits = double(inputs.stages.size()) - 1;
  StepTime time;
  time.kernels = count * kernels + update;
  time.messages = count * messages + updateMessages;
  time.idle = std::max(0.0, waits) * (kernels + messages);
  time.total = time.kernels + time.messages + time.idle;
  return time;
}
