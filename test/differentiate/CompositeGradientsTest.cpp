// The derivatives of composite ops against central differences, on forms that a model's text gives.
#include "compiler/recognise/Recognise.h"
#include "test/differentiate/Gradients.h"
#include "test/recognise/Forms.h"

using namespace kinu;
using namespace kinu::test;

/// Recognises, differentiates, demands an op of the kind in the backward pass and checks every gradient.
template <typename Op> static void check(const std::string &text) {
  Differentiated graph(text, -1, 1, {}, recognise::buildPipeline);
  bool found = false;
  graph.module->walk([&](Op) { found = true; });
  EXPECT_TRUE(found) << "nothing was recognised";
  graph.interpreter->setInput("target", graph.ints("n=2, t=3", {4, 0, 2, 1, 1, 3}));
  graph.interpreter->setInput("layer", int64_t(1));
  graph.drawInputs();
  graph.check();
}

TEST(CompositeGradients, LayerNorm) { check<NormBackwardOp>(layerNorm); }
TEST(CompositeGradients, RootMeanSquareNormWithOnePlusGain) { check<NormBackwardOp>(rmsNorm); }
TEST(CompositeGradients, CausalAttention) { check<AttentionBackwardOp>(attention(causal)); }
TEST(CompositeGradients, AttentionWithSoftCapAndAlternatingMask) {
  check<AttentionBackwardOp>(attention(softCapAlternating));
}
TEST(CompositeGradients, AttentionWithMaskedRows) { check<AttentionBackwardOp>(attention(maskedRows)); }
TEST(CompositeGradients, GroupedAttention) { check<AttentionBackwardOp>(groupedAttention); }
TEST(CompositeGradients, CrossEntropy) { check<LinearCrossEntropyBackwardOp>(crossEntropy("", "%z")); }
TEST(CompositeGradients, CrossEntropyWithSoftCap) {
  check<LinearCrossEntropyBackwardOp>(crossEntropy(logitCap, "%capped"));
}

// The plain ops have derivatives too: the fallback where nothing is recognised.
TEST(CompositeGradients, TheFallbackIsTheDefinition) {
  for (const std::string &text : {layerNorm, attention(maskedRows), crossEntropy(logitCap, "%capped")}) {
    Differentiated graph(text);
    graph.interpreter->setInput("target", graph.ints("n=2, t=3", {4, 0, 2, 1, 1, 3}));
    graph.drawInputs();
    graph.check();
  }
}
