// Choosing pieces from logits.
#include "runtime/Sampling.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>

using namespace kinu::rt;

static const std::vector<float> logits = {0.0f, std::log(2.0f), std::log(4.0f), std::log(1.0f)}; // 1/8 2/8 4/8 1/8

static std::map<int64_t, double> frequencies(const SamplingOptions &options) {
  std::map<int64_t, double> counts;
  for (int64_t i = 0; i < 20000; ++i)
    counts[samplePiece(logits, options, i)] += 1.0 / 20000;
  return counts;
}

TEST(Sampling, FollowsTheProbabilities) {
  auto drawn = frequencies({});
  EXPECT_NEAR(drawn[0], 0.125, 0.01);
  EXPECT_NEAR(drawn[1], 0.25, 0.01);
  EXPECT_NEAR(drawn[2], 0.5, 0.01);
}

TEST(Sampling, TemperatureZeroTakesTheLikeliestAndTheFirstOfEqualOnes) {
  EXPECT_EQ(frequencies({.temperature = 0}).size(), 1u);
  EXPECT_EQ(samplePiece(logits, {.temperature = 0}, 5), 2);
  EXPECT_EQ(samplePiece(std::vector<float>{1, 3, 3}, {.temperature = 0}, 0), 1);
}

TEST(Sampling, LowTemperatureSharpens) { EXPECT_NEAR(frequencies({.temperature = 0.5})[2], 16.0 / 22, 0.01); }

TEST(Sampling, TopKKeepsTheKLikeliest) {
  auto drawn = frequencies({.topK = 2});
  EXPECT_EQ(drawn.size(), 2u);
  EXPECT_NEAR(drawn[2], 2.0 / 3, 0.01);
}

TEST(Sampling, TopPKeepsTheFewestThatReachIt) {
  EXPECT_EQ(frequencies({.topP = 0.5}).size(), 1u);
  EXPECT_EQ(frequencies({.topP = 0.7}).size(), 2u);
  EXPECT_EQ(frequencies({.topP = 0.0}).size(), 1u);
}

TEST(Sampling, SameSeedSameText) {
  bool differs = false;
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(samplePiece(logits, {.seed = 4}, i), samplePiece(logits, {.seed = 4}, i));
    differs |= samplePiece(logits, {.seed = 4}, i) != samplePiece(logits, {.seed = 5}, i);
  }
  EXPECT_TRUE(differs);
}

TEST(Sampling, NeverDrawsWhatIsNoNumber) {
  EXPECT_EQ(samplePiece(std::vector<float>{NAN, -INFINITY, 0}, {}, 0), 2);
  EXPECT_EQ(samplePiece(std::vector<float>{NAN, -INFINITY}, {}, 0), -1);
  EXPECT_EQ(samplePiece(std::vector<float>{0, INFINITY}, {}, 0), 1);
}
