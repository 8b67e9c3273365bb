// Where buffers are found, by hand.
#include "compiler/report/Traffic.h"

#include <gtest/gtest.h>

using namespace kinu::report;

static constexpr int64_t kMega = 1 << 20;

TEST(Traffic, aBufferIsInTheCacheThatHoldsAllSinceItsLastTouch) {
  Traffic traffic(2 * kMega, 8 * kMega);
  EXPECT_EQ(traffic.touch(0, kMega).memory, kMega) << "never touched";
  EXPECT_EQ(traffic.touch(0, kMega).l2, kMega);
  traffic.touch(16 * kMega, 4 * kMega);
  EXPECT_EQ(traffic.touch(0, kMega).l3, kMega) << "five since";
  traffic.touch(32 * kMega, 16 * kMega);
  EXPECT_EQ(traffic.touch(0, kMega).memory, kMega);
}

TEST(Traffic, whatIsLargerThanACachePushesItselfOut) {
  Traffic traffic(2 * kMega, 8 * kMega);
  traffic.touch(0, 4 * kMega);
  EXPECT_EQ(traffic.touch(0, 4 * kMega).l3, 4 * kMega);
  traffic.touch(0, 16 * kMega);
  EXPECT_EQ(traffic.touch(0, 16 * kMega).memory, 16 * kMega);
}

// Half of a buffer, and more than one.
TEST(Traffic, partsOfBuffersAreKnownApart) {
  Traffic traffic(2 * kMega, 8 * kMega);
  traffic.touch(4 * kMega, 4 * kMega);
  EXPECT_EQ(traffic.touch(7 * kMega, kMega).l2, kMega) << "the last quarter";
  TrafficBytes found = traffic.touch(3 * kMega, 6 * kMega);
  EXPECT_EQ(found.l3, 4 * kMega) << "six since, and for the last quarter five";
  EXPECT_EQ(found.memory, 2 * kMega) << "both ends are new";
}
