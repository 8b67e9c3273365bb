// Packing on random buffers: what must not overlap does not, and the memory is no less than what is alive at once.
#include "compiler/allocate/Pack.h"

#include <gtest/gtest.h>

#include <random>

using namespace kinu::allocate;

namespace {

std::vector<Buffer> randomBuffers(std::mt19937 &random, unsigned count) {
  std::vector<Buffer> buffers(count);
  for (Buffer &buffer : buffers) {
    buffer.bytes = 1 + random() % 5000;
    buffer.first = static_cast<int64_t>(random() % 50) - 1;
    buffer.last = random() % 20 == 0 ? INT64_MAX : buffer.first + static_cast<int64_t>(random() % 10);
    if (random() % 8 == 0)
      buffer.fixed = random() % 10000;
  }
  return buffers;
}

bool livesMeet(const Buffer &x, const Buffer &y) { return x.first <= y.last && y.first <= x.last; }

bool placesMeet(const Buffer &x, const Buffer &y) {
  return x.offset < y.offset + y.bytes && y.offset < x.offset + x.bytes;
}

/// The most bytes that are alive at one position.
int64_t mostAlive(const std::vector<Buffer> &buffers) {
  int64_t most = 0;
  for (int64_t position = -1; position < 70; ++position) {
    int64_t alive = 0;
    for (const Buffer &buffer : buffers)
      if (!buffer.fixed && buffer.first <= position && position <= buffer.last)
        alive += buffer.bytes;
    most = std::max(most, alive);
  }
  return most;
}

TEST(Pack, BuffersThatLiveTogetherDoNotOverlap) {
  std::mt19937 random(1);
  for (unsigned trial = 0; trial < 200; ++trial) {
    std::vector<Buffer> buffers = randomBuffers(random, 1 + random() % 60);
    int64_t total = pack(buffers);
    for (size_t i = 0; i < buffers.size(); ++i) {
      const Buffer &x = buffers[i];
      if (x.fixed)
        continue;
      EXPECT_EQ(x.offset % kAlignment, 0) << "trial " << trial << ", buffer " << i;
      EXPECT_GE(x.offset, 0);
      EXPECT_LE(x.offset + x.bytes, total);
      for (size_t j = 0; j < i; ++j) {
        bool wrong = !buffers[j].fixed && livesMeet(x, buffers[j]) && placesMeet(x, buffers[j]);
        ASSERT_FALSE(wrong) << "trial " << trial << ": buffers " << j << " and " << i;
      }
    }
    EXPECT_GE(total, mostAlive(buffers)) << "trial " << trial;
  }
}

TEST(Pack, BuffersThatFollowOneAnotherShareMemory) {
  std::vector<Buffer> buffers;
  for (int64_t position = 0; position < 10; ++position)
    buffers.push_back({kAlignment, position, position, std::nullopt});
  EXPECT_EQ(pack(buffers), kAlignment);
}

TEST(Pack, FixedBuffersNeedNoMemory) {
  std::vector<Buffer> buffers{{1 << 20, 0, 9, 4096}, {100, 0, 9, std::nullopt}};
  EXPECT_EQ(pack(buffers), kAlignment);
  EXPECT_EQ(buffers[1].offset, 0);
}

TEST(Pack, NothingNeedsNothing) {
  std::vector<Buffer> none;
  EXPECT_EQ(pack(none), 0);
}

/// The order in which equal buffers stand decides, so a build is the same every time.
TEST(Pack, TheSameBuffersGetTheSamePlaces) {
  std::mt19937 random(2);
  std::vector<Buffer> one = randomBuffers(random, 50), other = one;
  pack(one);
  pack(other);
  for (size_t i = 0; i < one.size(); ++i)
    EXPECT_EQ(one[i].offset, other[i].offset) << "buffer " << i;
}

} // namespace
