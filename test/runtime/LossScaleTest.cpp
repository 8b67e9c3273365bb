// The loss scale over steps that overflow and steps that do not, and a training step that is skipped.
#include "runtime/LossScale.h"
#include "runtime/Schedule.h"
#include "runtime/Step.h"
#include "runtime/TrainTokenizer.h"
#include "test/runtime/Scratch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace kinu::rt;

TEST(LossScale, HalvesAtOnceAndDoublesAfterTwoThousandCleanSteps) {
  LossScale scale;
  EXPECT_EQ(scale.scale, 65536);
  for (int i = 0; i < 1999; ++i)
    scale.update(false);
  EXPECT_EQ(scale.scale, 65536);
  scale.update(true);
  EXPECT_EQ(scale.scale, 32768);
  EXPECT_EQ(scale.skipped, 1);
  for (int i = 0; i < 1999; ++i)
    scale.update(false);
  EXPECT_EQ(scale.scale, 32768) << "the count starts again after an overflow";
  scale.update(false);
  EXPECT_EQ(scale.scale, 65536);
  EXPECT_EQ(scale.skipped, 1);
}

TEST(LossScale, IsExhaustedBelowOne) {
  LossScale scale;
  for (int i = 0; i < 16; ++i)
    scale.update(true);
  EXPECT_EQ(scale.scale, 1);
  EXPECT_FALSE(scale.isExhausted());
  scale.update(true);
  EXPECT_TRUE(scale.isExhausted());
}

// A step by hand: the gradient of the loss is 3, times the scale; it overflows fp16 if that is beyond 65504.
static constexpr int64_t tokensAt = 0, scaleAt = 64, gradientAt = 128, lossAt = 192, correctionAt = 256,
                         overflowAt = 320, normAt = 384, arenaBytes = 448;

/// buffers: $loss_scale, gradient, $loss_sum.
static void microKernel(void *const *buffers, void *, int64_t, int64_t) {
  float gradient = 3 * *static_cast<float *>(buffers[0]);
  *static_cast<float *>(buffers[1]) = gradient > 65504 ? INFINITY : gradient;
  *static_cast<float *>(buffers[2]) = 8;
}

/// buffers: gradient, $loss_scale, $overflow, $gradient_norm.
static void updateKernel(void *const *buffers, void *, int64_t, int64_t) {
  float gradient = *static_cast<float *>(buffers[0]) / *static_cast<float *>(buffers[1]);
  *static_cast<int64_t *>(buffers[2]) = !std::isfinite(gradient);
  *static_cast<float *>(buffers[3]) = gradient;
}

static const KinuKernel kernels[] = {{"micro", microKernel, 1, 0, 1, 0}, {"update", updateKernel, 1, 0, 1, 0}};
static const KinuLaunch launches[] = {{0, 0, 3, ""}, {1, 3, 4, ""}};
static const int64_t offsets[] = {scaleAt, gradientAt, lossAt, gradientAt, scaleAt, overflowAt, normAt};
static const KinuProgram programs[] = {{"micro", launches, 1, offsets}, {"update", launches + 1, 1, offsets}};

template <class T> static T named(const char *name, int64_t offset, DType dtype = DType::F32) {
  T buffer;
  buffer.name = name;
  buffer.dtype = dtype;
  buffer.offset = offset;
  return buffer;
}

TEST(LossScale, AStepThatOverflowsIsNotCounted) {
  Scratch scratch;
  scratch.write("a.txt", "abababababababab");
  scratch.write("model", trainTokenizer({scratch / "a.txt"}, {.type = TokenizerOptions::Type::Char}));
  Manifest manifest;
  manifest.arenaBytes = arenaBytes;
  manifest.lossCount = 8;
  Input tokens = named<Input>("tokens", tokensAt, DType::I64);
  tokens.axes = {{"batch", 1}, {"seq", 8}};
  manifest.programs["micro"] = {{tokens, named<Input>("$loss_scale", scaleAt)}, {named<Buffer>("$loss_sum", lossAt)}};
  manifest.programs["update"] = {
      {named<Input>("$loss_scale", scaleAt), named<Input>("$bias_correction1", correctionAt)},
      {named<Buffer>("$overflow", overflowAt, DType::I64), named<Buffer>("$gradient_norm", normAt)}};
  manifest.train.batch = 1;
  manifest.train.seq = 8;
  manifest.train.optimizer.beta1 = 0.5;
  manifest.train.data.files = {scratch / "a.txt"};
  manifest.train.data.bindings = {{"tokens", Source()}};
  KinuExecutable executable{kKinuAbiVersion, arenaBytes, kernels, 2, programs, 2, ""};
  Tokenizer tokenizer(scratch / "model");
  Shards shards = encodeCorpus(manifest.train.data, tokenizer, scratch / "cache");
  InputLoader loader(manifest.train, tokenizer, shards);
  Executor executor(executable, manifest, 1);
  TrainingStep training(executor, manifest, loader, shards.training, 1, 10);
  ASSERT_TRUE(training.scalesLoss());

  auto step = [&](int64_t number) {
    StepResult result = training.accumulate(number);
    training.update(number, result);
    return result;
  };
  auto correction = [&] { return *reinterpret_cast<float *>(executor.arena() + correctionAt); };
  for (int i = 0; i < 2; ++i) { // 3 x 65536 and 3 x 32768 are too much
    EXPECT_TRUE(step(i).overflow);
    EXPECT_EQ(training.lossScale.skipped, i + 1);
    EXPECT_EQ(correction(), 0.5f) << "no moment has seen a step";
  }
  StepResult result = step(2);
  EXPECT_FALSE(result.overflow);
  EXPECT_EQ(training.lossScale.scale, 16384);
  EXPECT_FLOAT_EQ(result.gradientNorm, 3);
  EXPECT_EQ(correction(), 0.5f) << "the first step that is done";
  step(3);
  EXPECT_EQ(correction(), 0.75f);
}
