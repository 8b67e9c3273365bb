// Caches by hand: what fits is fetched once, what does not is fetched again, and who shares.
#include "compiler/report/CacheModel.h"

#include <gtest/gtest.h>

using namespace kinu;
using namespace kinu::report;

static constexpr int64_t kBuffer = kBufferSpan, kKilo = 1 << 10, kMega = 1 << 20;

/// Caches of 32 KiB, 1 MiB for each two threads, and no third one unless asked for.
static machines::Machine machine(int64_t l3Bytes = 0) {
  machines::Machine machine;
  machine.l1Bytes = 32 * kKilo;
  machine.l2Bytes = kMega;
  machine.l2Cores = 2;
  machine.l3Bytes = l3Bytes;
  return machine;
}

namespace {
/// Passes over memory, one after another.
struct Passes {
  explicit Passes(int64_t l3Bytes = 0, int64_t threads = 4) : caches(machine(l3Bytes), timing(), threads) {}
  static machines::Timing timing() {
    machines::Timing timing;
    timing.l1Ways = 8;
    return timing;
  }
  CacheTraffic pass(int64_t address, int64_t bytes, bool writes = false, int64_t thread = 0, bool streams = false) {
    CacheTraffic counts;
    caches.touch(thread, bytes / 64, MemoryAccess{address, 64, 64, writes, streams}, counts);
    return counts;
  }
  CacheModel caches;
};
} // namespace

TEST(CacheModel, whatFitsIsFetchedOnce) {
  Passes passes;
  CacheTraffic first = passes.pass(kBuffer, 16 * kKilo), second = passes.pass(kBuffer, 16 * kKilo);
  EXPECT_EQ(first.fresh, 16 * kKilo);
  EXPECT_EQ(first.l2, 16 * kKilo);
  EXPECT_EQ(first.memory, 0) << "what is fresh counts as that alone";
  EXPECT_EQ(second.l2 + second.fresh + second.memory, 0);
}

TEST(CacheModel, whatDoesNotFitComesAgainFromTheNextCache) {
  Passes passes;
  passes.pass(kBuffer, 256 * kKilo);
  CacheTraffic again = passes.pass(kBuffer, 256 * kKilo);
  EXPECT_EQ(again.l2, 256 * kKilo);
  EXPECT_EQ(again.fresh + again.memory, 0);
  passes.pass(kBuffer, 4 * kMega);
  again = passes.pass(kBuffer, 4 * kMega);
  EXPECT_EQ(again.l2, 4 * kMega);
  EXPECT_EQ(again.memory, 4 * kMega);
  Passes third(16 * kMega);
  third.pass(kBuffer, 4 * kMega);
  again = third.pass(kBuffer, 4 * kMega);
  EXPECT_EQ(again.l3, 4 * kMega);
  EXPECT_EQ(again.memory, 0);
}

// Lines that were written go back to the second cache; to memory for nothing once, since results count anyway.
TEST(CacheModel, whatWasWrittenGoesBack) {
  Passes passes;
  passes.pass(kBuffer, 256 * kKilo, true);
  CacheTraffic next = passes.pass(8 * kBuffer, 256 * kKilo);
  EXPECT_EQ(next.l2, (256 + 32) * kKilo) << "what is fetched, and what the first cache still held";
  Passes large;
  EXPECT_EQ(large.pass(kBuffer, 4 * kMega, true).memory, 0);
  EXPECT_NEAR(large.pass(kBuffer, 4 * kMega, true).memory, (4 + 3) * kMega, 64 * kKilo) << "fetched, and written again";
}

TEST(CacheModel, neighboursShareSecondCachesAndNobodySharesScratch) {
  Passes passes;
  passes.pass(kBuffer, 64 * kKilo, false, 0);
  EXPECT_EQ(passes.pass(kBuffer, 64 * kKilo, false, 1).fresh, 0);
  CacheTraffic other = passes.pass(kBuffer, 64 * kKilo, false, 2);
  EXPECT_EQ(other.fresh, 0) << "the rank has it";
  EXPECT_EQ(other.memory, 64 * kKilo) << "but not this second cache";
  passes.pass(kScratchAddress, 8 * kKilo, true, 0);
  EXPECT_EQ(passes.pass(kScratchAddress, 8 * kKilo, true, 1).fresh, 8 * kKilo);
}

TEST(CacheModel, streamsGoPastTheCaches) {
  Passes passes;
  EXPECT_EQ(passes.pass(kBuffer, 64 * kKilo, true, 0, true).fresh, 64 * kKilo);
  EXPECT_EQ(passes.pass(kBuffer, 64 * kKilo, false).memory, 64 * kKilo);
}

// Columns of a matrix: a line for each element, where rows are longer than lines.
TEST(CacheModel, stridesFetchWholeLines) {
  Passes passes;
  CacheTraffic counts;
  passes.caches.touch(0, 1024, MemoryAccess{kBuffer, 4, 3072, false, false}, counts);
  EXPECT_NEAR(counts.fresh, 1024 * 64, 128 * 64);
}
