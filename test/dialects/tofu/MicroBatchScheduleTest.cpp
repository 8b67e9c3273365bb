// Schedules of pipelines: what each stage does, how much it stores, how long it idles.
#include "dialects/tofu/MicroBatchSchedule.h"

#include "gtest/gtest.h"

#include <map>

using namespace kinu::tofu;

namespace {

const ScheduleKind kKinds[] = {ScheduleKind::GPipe, ScheduleKind::OneForwardOneBackward, ScheduleKind::ZeroBubble};

std::string describe(const std::vector<Slot> &slots) {
  std::string text;
  for (const Slot &slot : slots)
    text += (slot.direction == Direction::Forward    ? " f"
             : slot.direction == Direction::Backward ? " b"
                                                     : " w") +
            std::to_string(slot.microBatch);
  return text;
}

TEST(MicroBatchSchedule, StagesWarmUpThenAlternate) {
  MicroBatchSchedule schedule = scheduleMicroBatches(ScheduleKind::OneForwardOneBackward, 3, 4);
  EXPECT_EQ(describe(schedule.stages[0]), " f0 f1 f2 b0 f3 b1 b2 b3");
  EXPECT_EQ(describe(schedule.stages[1]), " f0 f1 b0 f2 b1 f3 b2 b3");
  EXPECT_EQ(describe(schedule.stages[2]), " f0 b0 f1 b1 f2 b2 f3 b3");
  EXPECT_EQ(describe(scheduleMicroBatches(ScheduleKind::GPipe, 3, 2).stages[1]), " f0 f1 b0 b1");
}

/// Gradients of weights are late by as many micro-batches as there are stages before, and so the last stage begins at
/// once with the next backward pass.
TEST(MicroBatchSchedule, WeightsWait) {
  MicroBatchSchedule schedule = scheduleMicroBatches(ScheduleKind::ZeroBubble, 3, 4);
  EXPECT_EQ(describe(schedule.stages[0]), " f0 f1 f2 b0 w0 f3 b1 w1 b2 w2 b3 w3");
  EXPECT_EQ(describe(schedule.stages[2]), " f0 b0 f1 b1 f2 b2 w0 f3 b3 w1 w2 w3");
}

/// Every micro-batch goes forward once and then backward once, and no store is filled before it was emptied.
TEST(MicroBatchSchedule, EveryMicroBatchOnceAndStoresInTurn) {
  for (ScheduleKind kind : kKinds)
    for (int64_t stages = 1; stages <= 6; ++stages)
      for (int64_t micros = 1; micros <= 9; ++micros) {
        MicroBatchSchedule schedule = scheduleMicroBatches(kind, stages, micros);
        for (int64_t stage = 0; stage < stages; ++stage) {
          std::map<int64_t, int64_t> full; // the micro-batch in each store
          std::vector<int64_t> passes(micros);
          for (const Slot &slot : schedule.stages[stage]) {
            EXPECT_EQ(passes[slot.microBatch]++, int64_t(slot.direction));
            if (slot.direction == Direction::Forward)
              EXPECT_TRUE(full.emplace(slot.buffer, slot.microBatch).second);
            EXPECT_EQ(full[slot.buffer], slot.microBatch);
            if (slot.direction == (splitsBackward(kind) ? Direction::Weights : Direction::Backward))
              full.erase(slot.buffer);
          }
          EXPECT_EQ(schedule.stages[stage].size(), size_t((splitsBackward(kind) ? 3 : 2) * micros));
          EXPECT_TRUE(full.empty());
          int64_t most = kind == ScheduleKind::GPipe                   ? micros
                         : kind == ScheduleKind::OneForwardOneBackward ? stages - stage
                                                                       : stages; // no more than 1f1b's first stage
          EXPECT_EQ(schedule.buffers(stage), std::min(most, micros));
        }
      }
}

/// p - 1 of m + p - 1 slots idle: (p-1)/m of the busy time, whatever a pass takes.
TEST(MicroBatchSchedule, BubbleIsStagesLessOneOverMicroBatches) {
  for (ScheduleKind kind : {ScheduleKind::GPipe, ScheduleKind::OneForwardOneBackward})
    for (int64_t stages : {1, 2, 4, 8})
      for (int64_t micros : {8, 16, 24}) {
        std::vector<PassTime> times(stages, PassTime{1.5, 2.75});
        Timeline timeline = play(scheduleMicroBatches(kind, stages, micros), times);
        EXPECT_NEAR(timeline.bubble(), double(stages - 1) / double(micros), 1e-12) << stages << " stages, " << micros;
        EXPECT_NEAR(timeline.length, double(micros + stages - 1) * 4.25, 1e-9);
      }
}

/// What is left of it when gradients of weights are put where nothing else can be done.
TEST(MicroBatchSchedule, ZeroBubbleIdlesLessThanHalf) {
  for (int64_t stages : {2, 4, 8})
    for (int64_t micros : {8, 16, 24}) {
      std::vector<PassTime> times(stages, PassTime{1.5, 2.75, 1.25});
      Timeline timeline = play(scheduleMicroBatches(ScheduleKind::ZeroBubble, stages, micros), times);
      double formula = double(stages - 1) * (1.5 + 2.75 - 2 * 1.25) / (double(micros) * 4.25);
      EXPECT_NEAR(timeline.bubble(), formula, 1e-12) << stages << " stages, " << micros;
      EXPECT_LT(timeline.bubble(), 0.5 * double(stages - 1) / double(micros));
    }
}

std::string describeChunks(const std::vector<Slot> &slots) {
  std::string text;
  for (const Slot &slot : slots)
    text += (slot.direction == Direction::Forward ? " f" : " b") + std::to_string(slot.microBatch) + "." +
            std::to_string(slot.chunk);
  return text;
}

/// Micro-batches go round the stages in groups of as many as there are stages.
TEST(MicroBatchSchedule, InterleavedGoesRoundInGroups) {
  MicroBatchSchedule schedule = scheduleMicroBatches(ScheduleKind::Interleaved, 2, 4, 2);
  EXPECT_EQ(describeChunks(schedule.stages[0]),
            " f0.0 f1.0 f0.1 f1.1 f2.0 b0.1 f3.0 b1.1 f2.1 b0.0 f3.1 b1.0 b2.1 b3.1 b2.0 b3.0");
  EXPECT_EQ(describeChunks(schedule.stages[1]),
            " f0.0 f1.0 f0.1 b0.1 f1.1 b1.1 f2.0 b0.0 f3.0 b1.0 f2.1 b2.1 f3.1 b3.1 b2.0 b3.0");
  EXPECT_EQ(schedule.chunks, 2);
}

/// Each chunk sees every micro-batch, ascending, forward before backward; no store is filled before it was emptied, and
/// the stage has no more under way than Narayanan et al. say.
TEST(MicroBatchSchedule, InterleavedDoesEverythingOnce) {
  for (int64_t chunks = 1; chunks <= 4; ++chunks)
    for (int64_t stages = 1; stages <= 6; ++stages)
      for (int64_t micros = stages; micros <= 4 * stages; micros += stages) {
        MicroBatchSchedule schedule = scheduleMicroBatches(ScheduleKind::Interleaved, stages, micros, chunks);
        for (int64_t stage = 0; stage < stages; ++stage) {
          std::map<int64_t, std::pair<int64_t, int64_t>> full;
          std::vector<int64_t> next[2] = {std::vector<int64_t>(chunks), std::vector<int64_t>(chunks)};
          for (const Slot &slot : schedule.stages[stage]) {
            std::pair<int64_t, int64_t> here(slot.microBatch, slot.chunk);
            EXPECT_EQ(next[slot.direction == Direction::Backward][slot.chunk]++, slot.microBatch);
            if (slot.direction == Direction::Forward)
              EXPECT_TRUE(full.emplace(slot.buffer, here).second);
            EXPECT_EQ(full[slot.buffer], here);
            if (slot.direction == Direction::Backward)
              full.erase(slot.buffer);
          }
          EXPECT_TRUE(full.empty());
          EXPECT_EQ(schedule.stages[stage].size(), size_t(2 * micros * chunks));
          int64_t most = 2 * (stages - stage - 1) + (chunks - 1) * stages + 1;
          EXPECT_EQ(schedule.buffers(stage), std::min(most, micros * chunks));
        }
      }
}

TEST(MicroBatchSchedule, ChunksDivideTheBubble) {
  for (int64_t chunks : {1, 2, 4})
    for (int64_t stages : {2, 4, 8})
      for (int64_t micros : {8, 16, 24}) {
        std::vector<PassTime> times(stages * chunks, PassTime{1.5, 2.75});
        Timeline timeline = play(scheduleMicroBatches(ScheduleKind::Interleaved, stages, micros, chunks), times);
        EXPECT_NEAR(timeline.bubble(), double(stages - 1) / double(chunks * micros), 1e-12)
            << stages << " stages, " << micros << " micro-batches, " << chunks << " chunks";
      }
}

/// The slowest stage decides: the others wait for it.
TEST(MicroBatchSchedule, UnevenStagesWaitForTheSlowest) {
  std::vector<PassTime> times{{1, 2}, {2, 4}, {1, 2}};
  Timeline timeline = play(scheduleMicroBatches(ScheduleKind::GPipe, 3, 10), times);
  EXPECT_NEAR(timeline.length, 10 * 6 + 2 * 3, 1e-12);
  EXPECT_NEAR(timeline.busy(0), 30, 1e-12);
}

/// A message under way costs gpipe twice its way down the pipeline and back, and no more.
TEST(MicroBatchSchedule, DelaysAddUpOnceInGPipe) {
  std::vector<PassTime> times(4, PassTime{1, 2});
  double without = play(scheduleMicroBatches(ScheduleKind::GPipe, 4, 6), times).length;
  EXPECT_NEAR(play(scheduleMicroBatches(ScheduleKind::GPipe, 4, 6), times, 0.25).length, without + 6 * 0.25, 1e-12);
}

TEST(MicroBatchSchedule, WordsOfTheLanguage) {
  for (const std::string &word : scheduleWords())
    EXPECT_TRUE(parseScheduleKind(word));
  EXPECT_FALSE(parseScheduleKind("2f2b"));
}

} // namespace
