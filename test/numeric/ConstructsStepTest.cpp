// What the examples do not use, and lengths beyond one block of a kernel, against the reference interpreter.
#include "TwoModels.h"

#include <gtest/gtest.h>

using namespace kinu;
using namespace kinu::test;

static std::string exampleSpec(const std::string &name) {
  return KINU_SOURCE_DIR "/examples/" + name + "/" + name + ".kinu";
}

static const std::string kConstructs = KINU_SOURCE_DIR "/test/numeric/Inputs/constructs.kinu";

// Three micro-batches and the update, twice, from the weights that the spec draws.
TEST(ConstructsStep, TwoStepsOfEveryConstruct) {
  TwoModels models(kConstructs, {});
  ASSERT_TRUE(models.ok());
  models.initializeWeights(1);
  auto before = models.reference().allVariables();
  for (int64_t step : {0, 1}) {
    models.accumulate(step);
    Difference gradients = models.compareGradients(1e-6);
    printf("constructs: the loss differs by %.1e, gradients by at most %.1e (%s)\n", models.lossDifference,
           gradients.relative, gradients.of.c_str());
    models.update(step);
  }
  for (const char *role : {"moment1", "weight", "bias", "gain"}) {
    Difference change = models.compareChanges(role, before);
    EXPECT_LE(change.relative, 1e-4) << role << " " << change.of;
  }
}

TEST(ConstructsStep, EvaluationAndGeneration) {
  TwoModels models(kConstructs, {});
  ASSERT_TRUE(models.ok());
  models.drawWeights(2);
  models.runAndCompare("eval");
  models.runAndCompare("generate");
}

// Wide and long enough that products, attention and reductions are cut into several blocks, none of them whole.
static void compareLarge(const std::string &name, std::map<std::string, int64_t> defines) {
  defines.insert({{"depth", 1}, {"batch", 2}, {"seq", 150}, {"vocab", 301}, {"accumulate", 1}});
  TwoModels models(exampleSpec(name), defines);
  ASSERT_TRUE(models.ok());
  models.initializeWeights(1);
  models.accumulate(0);
  Difference gradients = models.compareGradients(1e-6);
  printf("%s, large: the loss differs by %.1e, gradients by at most %.1e (%s)\n", name.c_str(), models.lossDifference,
         gradients.relative, gradients.of.c_str());
}

TEST(ConstructsStep, LargerThanABlock) {
  compareLarge("gpt2", {{"width", 102}, {"heads", 3}, {"context", 150}});
  compareLarge("mixtral-8x7b",
               {{"width", 72}, {"hidden", 100}, {"groups", 2}, {"reps", 3}, {"experts", 4}, {"context", 150}});
}

// The tasks of a kernel may run in any order and in any grouping: the same bits.
TEST(ConstructsStep, TheOrderOfTasksDoesNotMatter) {
  std::string bytes[2];
  for (TaskOrder order : {TaskOrder::AllAtOnce, TaskOrder::OneByOneFromTheLast}) {
    TwoModels models(kConstructs, {});
    ASSERT_TRUE(models.ok());
    models.initializeWeights(1);
    models.order = order;
    models.accumulate(0);
    models.update(0);
    bytes[static_cast<int>(order)] = models.model().variableBytes();
  }
  EXPECT_TRUE(bytes[0] == bytes[1]);
}
