// The order in which samples are seen.
#include "runtime/SampleOrder.h"

#include <gtest/gtest.h>
#include <set>

using namespace kinu::rt;

TEST(SampleOrder, EveryEpochVisitsEveryIndexOnce) {
  for (int64_t count : {1, 2, 3, 4, 5, 16, 17, 100, 1000})
    for (uint64_t epoch : {0, 1, 7}) {
      std::set<int64_t> seen;
      for (int64_t i = 0; i < count; ++i)
        seen.insert(shuffledIndex(3, epoch, i, count));
      EXPECT_EQ(int64_t(seen.size()), count);
      EXPECT_EQ(*seen.begin(), 0);
      EXPECT_EQ(*seen.rbegin(), count - 1);
    }
}

TEST(SampleOrder, DependsOnSeedAndEpochAndNothingElse) {
  int differs = 0, differsByEpoch = 0;
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(shuffledIndex(1, 0, i, 1000), shuffledIndex(1, 0, i, 1000));
    differs += shuffledIndex(1, 0, i, 1000) != shuffledIndex(2, 0, i, 1000);
    differsByEpoch += shuffledIndex(1, 0, i, 1000) != shuffledIndex(1, 1, i, 1000);
  }
  EXPECT_GT(differs, 90);
  EXPECT_GT(differsByEpoch, 90);
}

TEST(SampleOrder, NeighboursAreFarApartOnAverage) {
  double distance = 0;
  for (int64_t i = 0; i < 999; ++i)
    distance += std::abs(double(shuffledIndex(1, 0, i, 1000) - shuffledIndex(1, 0, i + 1, 1000))) / 999;
  EXPECT_NEAR(distance, 333, 40); // what two random places of 1000 are apart
}

TEST(SampleOrder, WindowsDoNotOverlapAndStayInside) {
  for (int64_t tokens : {65, 66, 128, 129, 1000}) {
    WindowOrder order(1, tokens, 64, 65);
    for (int64_t epoch = 0; epoch < 20; ++epoch) {
      std::set<int64_t> starts;
      for (int64_t i = 0; i < order.windowsPerEpoch(); ++i) {
        int64_t start = order.start(epoch * order.windowsPerEpoch() + i);
        EXPECT_GE(start, 0);
        EXPECT_LE(start + 65, tokens);
        EXPECT_TRUE(starts.insert(start).second);
      }
      int64_t previous = -64;
      for (int64_t start : starts) {
        EXPECT_GE(start - previous, 64);
        previous = start;
      }
    }
  }
}

TEST(SampleOrder, EpochsAreShiftedAgainstEachOther) {
  WindowOrder order(1, 10000, 64, 65);
  std::set<int64_t> offsets;
  for (int64_t epoch = 0; epoch < 50; ++epoch)
    offsets.insert(order.start(epoch * order.windowsPerEpoch()) % 64);
  EXPECT_GT(offsets.size(), 20u);
}
