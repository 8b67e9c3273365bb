// Learning rates and bias corrections.
#include "runtime/Schedule.h"

#include <gtest/gtest.h>

using namespace kinu::rt;
using Kind = LearningRate::Kind;

TEST(Schedule, WarmsUpLinearlyToThePeak) {
  LearningRate rate = {Kind::Cosine, 1.0, 0.1, 100};
  EXPECT_DOUBLE_EQ(learningRate(rate, 0, 1000), 0.01);
  EXPECT_DOUBLE_EQ(learningRate(rate, 49, 1000), 0.5);
  EXPECT_DOUBLE_EQ(learningRate(rate, 99, 1000), 1.0);
}

TEST(Schedule, CosineGoesFromPeakOverTheMiddleToTheFloor) {
  LearningRate rate = {Kind::Cosine, 1.0, 0.1, 100};
  EXPECT_DOUBLE_EQ(learningRate(rate, 100, 1100), 1.0);
  EXPECT_DOUBLE_EQ(learningRate(rate, 600, 1100), 0.55);
  EXPECT_NEAR(learningRate(rate, 1099, 1100), 0.1, 1e-5);
}

TEST(Schedule, LinearAndConstant) {
  EXPECT_DOUBLE_EQ(learningRate({Kind::Linear, 1.0, 0.5, 0}, 25, 100), 0.875);
  EXPECT_DOUBLE_EQ(learningRate({Kind::Constant, 0.3, 0.0, 0}, 99, 100), 0.3);
}

TEST(Schedule, AWarmUpLongerThanTheTrainingIsNoError) {
  EXPECT_DOUBLE_EQ(learningRate({Kind::Cosine, 1.0, 0.0, 100}, 9, 10), 0.1);
}

TEST(Schedule, BiasCorrectionStartsAtOneMinusBeta) {
  EXPECT_NEAR(biasCorrection(0.9, 0), 0.1, 1e-15);
  EXPECT_NEAR(biasCorrection(0.9, 1), 0.19, 1e-15);
  EXPECT_EQ(biasCorrection(0.0, 5), 1.0);
}
