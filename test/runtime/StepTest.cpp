// A step's sums over micro-batches: masked losses, auxiliary losses, metrics, and what programs are told.
#include "runtime/Step.h"
#include "runtime/Failure.h"
#include "runtime/TrainTokenizer.h"
#include "test/runtime/Scratch.h"

#include <gtest/gtest.h>

using namespace kinu::rt;

// The arena by hand: bytes. Two micro-batches of two rows of four tokens.
static constexpr int64_t tokensAt = 0, firstAt = 64, countInAt = 128, offsetAt = 192, stepAt = 256, countAt = 320,
                         lossAt = 384, auxAt = 448, metricSumAt = 512, metricCountAt = 576, gradientAt = 640,
                         rateAt = 704, normAt = 768, arenaBytes = 832;

static int64_t countedToken = 0; ///< the loss counts tokens with this id
static std::vector<std::string> seen;

static float counted(void *const *buffers) {
  float count = 0;
  for (int i = 0; i < 8; ++i)
    count += static_cast<int64_t *>(buffers[0])[i] == countedToken;
  return count;
}

/// buffers: tokens, $loss_count.
static void countKernel(void *const *buffers, void *, int64_t, int64_t) {
  *static_cast<float *>(buffers[1]) = counted(buffers);
}

/// Every counted token has the loss 3; its gradient is 1 / N. buffers: tokens, $first, $loss_count, $batch_offset,
/// $step, $loss_sum, $aux_sum, metric sum, metric count, gradient.
static void microKernel(void *const *buffers, void *, int64_t, int64_t) {
  auto real = [&](int i) -> float & { return *static_cast<float *>(buffers[i]); };
  float count = counted(buffers);
  bool first = *static_cast<char *>(buffers[1]);
  seen.push_back(text("first ", first, " offset ", *static_cast<int64_t *>(buffers[3]), " step ",
                      *static_cast<int64_t *>(buffers[4])));
  real(5) = 3 * count;
  real(6) = 0.5f;
  real(7) = first ? 1 : 2;
  real(8) = 2;
  real(9) = (first ? 0 : real(9)) + count / real(2);
}

/// buffers: gradient, $learning_rate, $gradient_norm.
static void updateKernel(void *const *buffers, void *, int64_t, int64_t) {
  *static_cast<float *>(buffers[2]) = *static_cast<float *>(buffers[0]) + *static_cast<float *>(buffers[1]);
}

static const KinuKernel kernels[] = {
    {"count", countKernel, 1, 0, 8, 0}, {"micro", microKernel, 1, 0, 100, 0}, {"update", updateKernel, 1, 0, 5, 0}};
static const KinuLaunch launches[] = {{0, 0, 2, ""}, {1, 2, 10, ""}, {2, 12, 3, ""}};
static const int64_t offsets[] = {tokensAt,      countAt,    tokensAt,   firstAt, countInAt,
                                  offsetAt,      stepAt,     lossAt,     auxAt,   metricSumAt,
                                  metricCountAt, gradientAt, gradientAt, rateAt,  normAt};
static const KinuProgram programs[] = {
    {"count", launches, 1, offsets}, {"micro", launches + 1, 1, offsets}, {"update", launches + 2, 1, offsets}};

struct StepTest : testing::Test {
  Scratch scratch;
  Manifest manifest;
  KinuExecutable executable{kKinuAbiVersion, arenaBytes, kernels, 3, programs, 3, ""};

  static Buffer scalar(const char *name, int64_t offset, DType dtype = DType::F32) {
    Buffer buffer;
    buffer.name = name;
    buffer.dtype = dtype;
    buffer.offset = offset;
    return buffer;
  }
  static Input input(const Buffer &buffer) {
    Input input;
    static_cast<Buffer &>(input) = buffer;
    return input;
  }

  StepTest() {
    Input tokens = input(scalar("tokens", tokensAt, DType::I64));
    tokens.axes = {{"batch", 2}, {"seq", 4}};
    manifest.arenaBytes = arenaBytes;
    manifest.programs["count"] = {{tokens}, {scalar("$loss_count", countAt)}};
    manifest.programs["micro"] = {
        {tokens, input(scalar("$first", firstAt, DType::I1)), input(scalar("$loss_count", countInAt)),
         input(scalar("$batch_offset", offsetAt, DType::I64)), input(scalar("$step", stepAt, DType::I64))},
        {scalar("$loss_sum", lossAt), scalar("$aux_sum", auxAt), scalar("metric.some.name.sum", metricSumAt),
         scalar("metric.some.name.count", metricCountAt)}};
    manifest.programs["update"] = {{input(scalar("$learning_rate", rateAt))}, {scalar("$gradient_norm", normAt)}};
    manifest.train.batch = 4;
    manifest.train.microBatches = 2;
    manifest.train.seq = 4;
    manifest.train.optimizer.rate.peak = 0.25;
    manifest.train.data.files = {scratch / "a.txt"};
    manifest.train.data.bindings = {{"tokens", Source()}};
    scratch.write("a.txt", "abbbabbbabbbabbb"); // in every window of four there is one a
    scratch.write("model", trainTokenizer({scratch / "a.txt"}, {.type = TokenizerOptions::Type::Char}));
    seen.clear();
  }

  /// One step (number 5) in which `token` counts; gives the result and the gradient.
  std::pair<StepResult, float> step(const std::string &token) {
    Tokenizer tokenizer(scratch / "model");
    countedToken = token.empty() ? -1 : tokenizer.id(token);
    Shards shards = encodeCorpus(manifest.train.data, tokenizer, scratch / "cache");
    InputLoader loader(manifest.train, tokenizer, shards);
    Executor executor(executable, manifest, 1);
    TrainingStep training(executor, manifest, loader, shards.training, 1, 10);
    EXPECT_EQ(training.operationsPerStep(), 2 * 108 + 5);
    StepResult result = training.accumulate(5);
    training.update(5, result);
    return {result, *reinterpret_cast<float *>(executor.arena() + gradientAt)};
  }
};

TEST_F(StepTest, AMaskedLossIsAveragedOverTheGlobalBatch) {
  auto [result, gradient] = step("a");
  EXPECT_FLOAT_EQ(result.loss, 3 + (0.5 + 0.5) / 4); // and the auxiliary loss over four sequences
  EXPECT_FLOAT_EQ(gradient, 1);
  EXPECT_FLOAT_EQ(result.gradientNorm, 1.25); // the update sees the learning rate
}

TEST_F(StepTest, ALossThatCountsNothingIsZero) {
  auto [result, gradient] = step("");
  EXPECT_FLOAT_EQ(result.loss, 0.25);
  EXPECT_FLOAT_EQ(gradient, 0);
}

TEST_F(StepTest, MetricsAreSumsOverCounts) { EXPECT_DOUBLE_EQ(step("a").first.metrics.at("some.name"), 0.75); }

TEST_F(StepTest, ProgramsAreToldTheirPlace) {
  step("a");
  EXPECT_EQ(seen, (std::vector<std::string>{"first 1 offset 0 step 5", "first 0 offset 2 step 5"}));
}

TEST_F(StepTest, AnExecutableOfAnotherAbiIsRefused) {
  executable.abiVersion = 99;
  EXPECT_THROW(Executor(executable, manifest, 1), Failure);
}
