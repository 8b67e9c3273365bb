// Philox and what is drawn from it.
#include "runtime/Philox.h"
#include "runtime/InitialWeights.h"

#include <cmath>
#include <gtest/gtest.h>
#include <omp.h>

using namespace kinu::rt;

// The known answers of Random123 (kat_vectors, philox4x32 10).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, NamesStreamsByFnv1a) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325ull); // the published test vectors
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8ull);
}

TEST(Philox, UnitFloatsAreBelowOne) {
  EXPECT_EQ(unitFloat(0), 0.0f);
  EXPECT_LT(unitFloat(0xffffffff), 1.0f);
}

struct Moments {
  double mean, deviation, lowest, highest;
};

static Moments momentsOf(const Initializer &init, uint64_t seed) {
  std::vector<float> values(100000);
  fillInitial(init, seed, "layer.attention.wq", values.data(), int64_t(values.size()));
  Moments moments = {0, 0, INFINITY, -INFINITY};
  for (float value : values) {
    moments.mean += value / double(values.size());
    moments.lowest = std::min<double>(moments.lowest, value);
    moments.highest = std::max<double>(moments.highest, value);
  }
  for (float value : values)
    moments.deviation += (value - moments.mean) * (value - moments.mean) / double(values.size());
  moments.deviation = std::sqrt(moments.deviation);
  return moments;
}

TEST(InitialWeights, NormalHasItsMeanAndDeviation) {
  Moments moments = momentsOf({InitKind::Normal, 0.5, 0.02}, 1);
  EXPECT_NEAR(moments.mean, 0.5, 3e-4);
  EXPECT_NEAR(moments.deviation, 0.02, 2e-4);
  EXPECT_GT(moments.highest, 0.5 + 3 * 0.02); // it is not cut
}

TEST(InitialWeights, TruncatedNormalIsCutAtTwoDeviations) {
  Moments moments = momentsOf({InitKind::TruncatedNormal, 0, 1}, 1);
  EXPECT_LE(moments.highest, 2);
  EXPECT_GE(moments.lowest, -2);
  EXPECT_GT(moments.highest, 1.99);
  EXPECT_NEAR(moments.deviation, 0.8796, 5e-3); // sqrt(1 - 4 phi(2) / (2 Phi(2) - 1))
}

TEST(InitialWeights, UniformStaysInItsRange) {
  Moments moments = momentsOf({InitKind::Uniform, -3, 1}, 1);
  EXPECT_GE(moments.lowest, -3);
  EXPECT_LT(moments.highest, 1);
  EXPECT_NEAR(moments.mean, -1, 0.02);
}

TEST(InitialWeights, DependOnSeedAndPathButNotOnThreads) {
  Initializer init = {InitKind::Normal, 0, 1};
  std::vector<float> one(1000), many(1000);
  omp_set_num_threads(1);
  fillInitial(init, 7, "w", one.data(), 1000);
  omp_set_num_threads(4);
  fillInitial(init, 7, "w", many.data(), 1000);
  EXPECT_EQ(one, many);
  EXPECT_NE(initialValue(init, 7, fnv1a("w"), 0), initialValue(init, 8, fnv1a("w"), 0));
  EXPECT_NE(initialValue(init, 7, fnv1a("w"), 0), initialValue(init, 7, fnv1a("v"), 0));
}
