// Every example, shrunk by the line of its README: a whole step of the compiled model against the reference
// interpreter.
#include "TwoModels.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <gtest/gtest.h>

using namespace kinu;
using namespace kinu::test;

namespace {

using Defines = std::map<std::string, int64_t>;

struct Example {
  const char *name;
  Defines odd; ///< lengths on top of the README's that divide by no width of a vector
};

/// The `-D name=n` behind "Try it small" in the README.
Defines smallDefines(const std::string &name) {
  if (name == "quickstart")
    return {{"vocab", 64}, {"width", 32}, {"depth", 2}, {"heads", 2}, {"hidden", 48}, {"batch", 4}, {"seq", 16}};
  auto readme = llvm::MemoryBuffer::getFile(KINU_SOURCE_DIR "/examples/" + name + "/README.md");
  llvm::SmallVector<llvm::StringRef> words;
  llvm::SplitString((*readme)->getBuffer().split("## Try it small").second, words);
  Defines defines;
  for (size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == "-D") {
      auto [define, value] = words[i + 1].split('=');
      defines[define.str()] = std::stoll(value.str());
    }
  EXPECT_GT(defines.size(), 3u) << name;
  return defines;
}

std::string specOf(const std::string &name) { return KINU_SOURCE_DIR "/examples/" + name + "/" + name + ".kinu"; }

class ExamplesStep : public testing::TestWithParam<Example> {
protected:
  /// Loss and gradients of one step from the spec's own initial weights.
  static void step(const std::string &what, const Defines &defines) {
    std::string name = GetParam().name;
    TwoModels models(specOf(name), defines);
    ASSERT_TRUE(models.ok());
    models.initializeWeights(1);
    models.accumulate(0);
    Difference gradients = models.compareGradients(1e-6);
    printf("%s%s: the loss differs by %.1e, gradients by at most %.1e (%s)\n", name.c_str(), what.c_str(),
           models.lossDifference, gradients.relative, gradients.of.c_str());
  }
};

TEST_P(ExamplesStep, LossAndGradientsAreTheReferences) { step("", smallDefines(GetParam().name)); }

TEST_P(ExamplesStep, LossAndGradientsAtOddLengths) {
  Defines defines = smallDefines(GetParam().name);
  for (auto &[name, value] : GetParam().odd)
    defines[name] = value;
  step(", odd lengths", defines);
}

// Moments and weights after two steps of two micro-batches each, clipped, with masks, auxiliary losses and dropout
// where the example has them. AdamW divides by the gradient's own size, so elements that are almost zero carry its
// rounding on.
TEST_P(ExamplesStep, WeightsAfterTwoSteps) {
  Defines defines = smallDefines(GetParam().name);
  defines["accumulate"] = std::max<int64_t>(defines["accumulate"], 2); // one layout asks for many more
  TwoModels models(specOf(GetParam().name), defines);
  ASSERT_TRUE(models.ok());
  models.drawWeights(2);
  auto before = models.reference().allVariables();
  for (int64_t step : {0, 1}) {
    models.accumulate(step);
    if (step == 0) // afterwards the weights are no longer the same
      models.compareGradients(1e-3);
    models.update(step);
  }
  for (const char *role : {"moment1", "moment2", "weight", "bias", "gain"}) {
    Difference change = models.compareChanges(role, before);
    EXPECT_LE(change.relative, 3e-3) << role << " " << change.of;
    printf("%s after two steps: %s differ by at most %.1e of their change (%s)\n", GetParam().name, role,
           change.relative, change.of.c_str());
  }
}

TEST_P(ExamplesStep, EvaluationAndGeneration) {
  TwoModels models(specOf(GetParam().name), smallDefines(GetParam().name));
  ASSERT_TRUE(models.ok());
  models.drawWeights(3);
  models.runAndCompare("eval");
  models.runAndCompare("generate");
}

INSTANTIATE_TEST_SUITE_P(
    All, ExamplesStep,
    testing::Values(Example{"quickstart", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"hidden", 45}}},
                    Example{"shakespeare", {{"seq", 13}, {"batch", 3}, {"vocab", 67}}},
                    Example{"wagahai", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"hidden", 45}}},
                    Example{"gpt2", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"width", 42}}},
                    Example{"llama-7b", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"hidden", 45}}},
                    Example{"llama3-8b", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"reps", 3}, {"width", 36}}},
                    Example{"bloom", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"heads", 3}, {"width", 33}}},
                    Example{"gemma2", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"reps", 3}, {"window", 3}}},
                    Example{"bert", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"width", 42}}},
                    Example{"t5", {{"seq", 7}, {"source", 13}, {"batch", 3}, {"vocab", 67}, {"head_width", 5}}},
                    Example{"mixtral-8x7b", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"experts", 5}, {"hidden", 45}}},
                    Example{"packed", {{"seq", 13}, {"batch", 3}, {"vocab", 67}, {"hidden", 45}}},
                    Example{"fugaku-llm-13b", {{"seq", 8}, {"vocab", 72}, {"accumulate", 1008}}}),
    [](const auto &info) {
      std::string name = info.param.name;
      for (char &c : name)
        c = llvm::isAlnum(c) ? c : '_';
      return name;
    });

} // namespace
