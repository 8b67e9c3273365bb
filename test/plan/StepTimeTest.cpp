// The model of a step's time against what was measured, with one set of constants.
#include "compiler/plan/StepTime.h"

#include <gtest/gtest.h>

using namespace kinu::plan;

namespace {

/// 48 layers of width 7168, 56 heads, sequence 2048, vocabulary 51,200; global batch 1536, micro-batch 1, everything
/// recomputed; tensor 4 x pipe 48 x data, one rank on a node of 48 cores at 2.0 GHz (Fugaku-LLM/DeepSpeedFugaku).
TimeInputs published(int64_t data) {
  const double s = 2048, h = 7168, v = 51200, t = 4, floatBytes = 4;
  double layer = 2 * 12 * h * h * s + 4 * s * s * h; // forward; the backward pass is 3 times that, forward again first
  double head = 3 * (2 * h * v * s);
  double ring = 2 * (t - 1) / t; // of an all-reduce, in bytes of its payload
  TimeInputs inputs;
  inputs.peak = 48 * 2 * 16 * 2 * 2.0e9;
  inputs.latency = 1.05e-6;
  inputs.bandwidth = 6.3e9;
  inputs.microBatches = 1536 / data;
  for (int stage = 0; stage < 48; ++stage) {
    StageTime one;
    one.forward.operations = (layer + (stage == 47 ? head : 0)) / t; // the head is forward and backward at once
    one.backward.operations = 3 * layer / t;
    one.forward.messages.push_back({2, 2 * (t - 1), 2 * ring * s * h * floatBytes});
    one.backward.messages.push_back({4, 2 * (t - 1), 4 * ring * s * h * floatBytes}); // 2 again, 2 backward
    one.forward.messages.push_back({1, 1, s * h * floatBytes});                       // to the next stage
    one.backward.messages.push_back({1, 1, s * h * floatBytes});
    double parameters = (12 * h * h + (stage == 0 || stage == 47 ? v * h : 0)) / t;
    one.update.operations = 15 * parameters;
    double dataRing = 2 * (double(data) - 1) / double(data);
    one.update.messages.push_back({1, 2 * (double(data) - 1), dataRing * parameters * floatBytes});
    inputs.stages.push_back(one);
  }
  inputs.schedule =
      kinu::tofu::scheduleMicroBatches(kinu::tofu::ScheduleKind::OneForwardOneBackward, 48, inputs.microBatches);
  return inputs;
}

TEST(StepTime, BothPublishedStepsAreWithin15PercentWithTheSameConstants) {
  double on192 = modelStep(published(1)).total, on384 = modelStep(published(2)).total;
  std::printf("192 nodes: %.1f s modelled, 3534.9 s measured; 384 nodes: %.1f s modelled, 1841.6 s measured\n", on192,
              on384);
  EXPECT_NEAR(on192, 3534.9, 0.15 * 3534.9);
  EXPECT_NEAR(on384, 1841.6, 0.15 * 1841.6);
}

TEST(StepTime, PartsAddUpAndStagesWait) {
  StepTime time = modelStep(published(1));
  EXPECT_NEAR(time.kernels + time.messages + time.idle, time.total, 1e-6 * time.total);
  EXPECT_NEAR(time.idle / (time.total - time.idle), 47.0 / 1536, 0.01) << "1F1B: (stages - 1) / micro-batches";
  TimeInputs alone = published(1);
  alone.stages.resize(1);
  alone.schedule = {};
  EXPECT_EQ(modelStep(alone).idle, 0);
}

TEST(StepTime, ZeroBubbleWaitsLess) {
  TimeInputs inputs;
  inputs.peak = inputs.latency = 1;
  inputs.microBatches = 8;
  inputs.stages = std::vector<StageTime>(4, {{1, {}}, {1, {}}, {1, {}}, {}});
  auto idle = [&](kinu::tofu::ScheduleKind kind) {
    inputs.schedule = kinu::tofu::scheduleMicroBatches(kind, 4, 8);
    StepTime time = modelStep(inputs);
    return time.idle / (time.total - time.idle);
  };
  EXPECT_NEAR(idle(kinu::tofu::ScheduleKind::OneForwardOneBackward), 3.0 / 8, 1e-9);
  EXPECT_LT(idle(kinu::tofu::ScheduleKind::ZeroBubble), 0.5 * 3 / 8);
}

TEST(StepTime, MessagesAreLatencyAndBytes) {
  TimeInputs inputs;
  inputs.peak = 1;
  inputs.latency = 2;
  inputs.bandwidth = 10;
  inputs.microBatches = 3;
  inputs.stages = {{{0, {{5, 4, 70}}}, {}, {}, {}}};
  EXPECT_DOUBLE_EQ(modelStep(inputs).messages, 3 * (5 * 4 * 2 + 7));
}

/// A message that was begun early is waited for only as long as kernels leave of it; all messages share one link.
TEST(StepTime, MessagesRunWhileKernelsDo) {
  std::vector<double> waited = playMessages({{Event::Start, 2, 0}, // on the link from 0 to 2
                                             {Event::Kernel, 1},
                                             {Event::Start, 2, 1}, // from 2 to 4
                                             {Event::Kernel, 2},
                                             {Event::Wait, 0, 0},
                                             {Event::Wait, 0, 1},
                                             {Event::Message, 3}});
  EXPECT_EQ(waited, (std::vector<double>{0, 0, 0, 0, 0, 1, 3}));
}

/// What a message blocks for while another one is on the link is waited for, too.
TEST(StepTime, AMessageWaitsForTheLink) {
  EXPECT_EQ(playMessages({{Event::Start, 2, 0}, {Event::Message, 1}, {Event::Wait, 0, 0}}),
            (std::vector<double>{0, 3, 0}));
}

/// Hidden time is no part of the step; what is not hidden is.
TEST(StepTime, HiddenMessagesCostNothing) {
  TimeInputs inputs = published(2);
  inputs.stages.resize(1);
  inputs.schedule = {};
  double open = modelStep(inputs).total, messages = modelStep(inputs).messages;
  inputs.stages[0].update.hidden =
      0.5 * secondsOf(inputs.stages[0].update.messages[0], inputs.latency, inputs.bandwidth);
  StepTime time = modelStep(inputs);
  EXPECT_NEAR(time.total, open - time.hidden, 1e-9 * open);
  EXPECT_NEAR(time.messages + time.hidden, messages, 1e-9 * open);
}

} // namespace
