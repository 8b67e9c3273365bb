// What check makes of correct models: elements, axes, nodes, weights, regions.
#include "test/check/CheckedSpec.h"

#include <gtest/gtest.h>

using namespace kinu;
using kinu::test::CheckedSpec;
using typed::Element;
using typed::Kind;

namespace {

/// A model with the declarations that most cases need.
std::string model(const std::string &body) {
  return "import std\nmodel m {\n axis batch\n axis seq up to 8, key like seq\n axis embed = 4, token = 10\n"
         " input tokens[batch, seq] in token\n input x[batch, seq, embed]\n" +
         body + "}\n";
}

/// The last value of the (pruned) body: the one named by `output y`.
const typed::Value *outputOf(const CheckedSpec &spec) {
  EXPECT_EQ(spec.messages, "");
  return spec.model && !spec.model->outputs.empty() ? spec.model->outputs.front().value : nullptr;
}

std::string axesOf(const typed::Value *value) {
  std::string text;
  for (const typed::Axis &axis : value->type.axes)
    text += (text.empty() ? "" : " ") + axis.name + "=" + std::to_string(axis.length);
  return text;
}

struct ElementCase {
  const char *expression;
  Element element;
};

TEST(Model, ElementsFollowRule2) {
  ElementCase cases[] = {{"tokens + 1", Element::Int},
                         {"tokens + 1.0", Element::Float},
                         {"tokens / 2", Element::Float},
                         {"tokens % 2", Element::Int},
                         {"tokens ^ 2", Element::Float},
                         {"tokens == 2", Element::Bool},
                         {"int(x)", Element::Int},
                         {"max(tokens, 3)", Element::Int},
                         {"sum(tokens == 2, over: seq)", Element::Int},
                         {"mean(tokens == 2, over: seq)", Element::Float},
                         {"cumsum(tokens > 2, over: seq)", Element::Int},
                         {"where(tokens > 2, tokens, 1.5)", Element::Float}};
  for (const ElementCase &one : cases) {
    CheckedSpec spec(model(std::string("let y = ") + one.expression + "\noutput y\n"));
    const typed::Value *value = outputOf(spec);
    ASSERT_TRUE(value) << one.expression;
    EXPECT_EQ(value->type.element, one.element) << one.expression;
  }
}

TEST(Model, ElementwiseResultsHaveAxesInTheOrderInWhichTheyAreMet) {
  CheckedSpec spec(model("weight w[embed] = zeros\nlet y = w + x * seq\noutput y\n"));
  EXPECT_EQ(axesOf(outputOf(spec)), "embed=4 batch=1 seq=8");
}

TEST(Model, ContractionKeepsWhatItDoesNotName) {
  CheckedSpec spec(model("axis out = 3\nweight w[embed, out] = zeros\nlet y = x @{embed} w\noutput y\n"));
  const typed::Value *value = outputOf(spec);
  EXPECT_EQ(value->kind, Kind::Dot);
  EXPECT_EQ(value->axes, std::vector<std::string>{"embed"});
  EXPECT_EQ(axesOf(value), "batch=1 seq=8 out=3");
}

TEST(Model, LookupReplacesTheAxisByThoseOfTheIndex) {
  CheckedSpec spec(model("weight w[token, embed] = zeros\nlet y = w[token = tokens]\noutput y\n"));
  EXPECT_EQ(axesOf(outputOf(spec)), "batch=1 seq=8 embed=4");
  EXPECT_FALSE(outputOf(spec)->otherwise.has_value());
}

TEST(Model, ConstantsFoldAndSizesAreExact) {
  CheckedSpec spec(model("size n = (7 // 2) + 4 / 2\nlet y = 0.5 * n + sqrt(4.0)\noutput y\n"));
  const typed::Value *value = outputOf(spec);
  EXPECT_EQ(value->kind, Kind::Constant);
  EXPECT_EQ(value->number, 4.5);
}

TEST(Model, RepeatStacksWeightsMadeInsideAndSharesThoseOutside) {
  CheckedSpec spec(
      model("use shared = rmsnorm(over: embed)\nlet h = x\n"
            "repeat layer = 3 {\n use own = rmsnorm(over: embed)\n h = h + own(shared(h))\n}\noutput h\n"));
  const typed::Value *value = outputOf(spec);
  ASSERT_EQ(value->kind, Kind::RepeatResult);
  const typed::Variable *own = spec.model->findVariable("layer.own.scale");
  const typed::Variable *shared = spec.model->findVariable("shared.scale");
  ASSERT_TRUE(own && shared);
  EXPECT_EQ(own->axes, (std::vector<typed::Axis>{{"layer", 3}, {"embed", 4}}));
  EXPECT_EQ(own->repeatAxes, 1);
  EXPECT_EQ(shared->axes, (std::vector<typed::Axis>{{"embed", 4}}));
  EXPECT_EQ(spec.model->parameterCount(), 16);
  const typed::RepeatLoop &loop = *value->operands[0]->repeat;
  EXPECT_EQ(loop.count, 3);
  EXPECT_EQ(loop.carried.size(), 1u);
}

TEST(Model, AnInstanceCalledTwiceSharesItsWeights) {
  CheckedSpec spec(model("use norm = rmsnorm(over: embed)\nlet y = norm(norm(x))\noutput y\n"));
  ASSERT_TRUE(spec.model) << spec.messages;
  EXPECT_EQ(spec.model->parameterCount(), 4);
}

TEST(Model, AuxInsideARepeatIsSummedOverItsRounds) {
  CheckedSpec spec(
      model("let h = x\nrepeat layer = 2 {\n h = h * 2.0\n aux big[batch] = mean(h, over: {seq, embed})\n}\n"
            "loss h\n"));
  ASSERT_TRUE(spec.model) << spec.messages;
  ASSERT_EQ(spec.model->auxes.size(), 1u);
  EXPECT_EQ(spec.model->auxes[0].name, "layer.big");
  EXPECT_EQ(spec.model->auxes[0].value->kind, Kind::RepeatResult);
  EXPECT_EQ(axesOf(spec.model->auxes[0].value), "batch=1");
}

TEST(Model, MetricsAreSumAndCountPerSequence) {
  CheckedSpec spec(model("metric high = x where tokens > 3\nlet y = x\noutput y\n"));
  ASSERT_TRUE(spec.model) << spec.messages;
  ASSERT_EQ(spec.model->metrics.size(), 1u);
  EXPECT_EQ(axesOf(spec.model->metrics[0].sum), "batch=1");
  EXPECT_EQ(axesOf(spec.model->metrics[0].count), "batch=1");
}

TEST(Model, DropoutIsThereOnlyWhileTraining) {
  std::string text = model("let y = dropout(x, rate: 0.5)\noutput y\n");
  auto randoms = [&](bool training) {
    check::CheckOptions options;
    options.training = training;
    CheckedSpec spec(text, options);
    size_t count = 0;
    for (const typed::Value *value : spec.model->body.values)
      count += value->kind == Kind::Random;
    return count;
  };
  EXPECT_EQ(randoms(true), 1u);
  EXPECT_EQ(randoms(false), 0u);
}

TEST(Model, RandomSitesAreDistinct) {
  CheckedSpec spec(model("let y = dropout(dropout(x, rate: 0.5), rate: 0.5) + random(x)\noutput y\n"));
  std::set<std::string> sites;
  for (const typed::Value *value : spec.model->body.values)
    if (value->kind == Kind::Random)
      sites.insert(value->name);
  EXPECT_EQ(sites.size(), 3u);
}

TEST(Model, AxesOfAFunctionGetAFreeName) {
  CheckedSpec spec(model(
      "axis half = 3\nweight w[half] = zeros\nlet q[batch, seq, half, embed] = w * rope(x, over: embed, at: seq)\n"
      "output q\n"));
  ASSERT_TRUE(spec.model) << spec.messages;
  EXPECT_NE(spec.model->dump().find("half.1=2"), std::string::npos);
}

TEST(Model, DefinesReplaceSizesAndLengths) {
  check::CheckOptions options;
  options.defines = {{"width", 6}, {"seq", 5}};
  CheckedSpec spec(
      "model m { size width = 4\n axis batch, seq up to 8\n axis embed = width\n input x[batch, seq, embed]\n"
      " let y = x\n output y\n}\n",
      options);
  EXPECT_EQ(axesOf(outputOf(spec)), "batch=1 seq=5 embed=6");
}

TEST(Model, TheMicroBatchIsTheBatchDividedByAccumulate) {
  CheckedSpec spec("model m { axis batch, seq up to 8\n axis token = 4\n input t[batch, seq] in token\n"
                   " weight w[token] = zeros\n loss w[token = t]\n}\n"
                   "train m {\n data \"a.txt\" tokenizer \"a.model\" { t = text }\n batch 12\n accumulate 3\n steps 5\n"
                   " optimizer adamw(lr: cosine(peak: 1e-3, warmup: 2, floor: 1e-4), betas: (0.8, 0.9), decay: 0.1, "
                   "clip: 1.0)\n}\n");
  ASSERT_TRUE(spec.model) << spec.messages;
  EXPECT_EQ(spec.model->inputs[0].type.find("batch")->length, 4);
  EXPECT_EQ(spec.model->inputs[0].below, 4);
  const typed::TrainConfig &train = *spec.model->train;
  EXPECT_EQ(train.batch, 12);
  EXPECT_EQ(train.accumulate, 3);
  EXPECT_EQ(train.optimizer.beta1, 0.8);
  EXPECT_EQ(train.optimizer.rate.kind, typed::Schedule::Kind::Cosine);
  EXPECT_EQ(train.optimizer.rate.warmup, 2);
}

TEST(Model, UnusedValuesAreGone) {
  CheckedSpec spec(model("let unused = exp(x)\nlet y = x\noutput y\n"));
  for (const typed::Value *value : spec.model->body.values)
    EXPECT_NE(value->kind, Kind::Exp);
}

} // namespace
