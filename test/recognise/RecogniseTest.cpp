// Recognition changes no number: the same outputs before and after, through the reference interpreter.
#include "compiler/recognise/Recognise.h"
#include "test/interpret/Run.h"
#include "test/recognise/Forms.h"

#include "mlir/Pass/PassManager.h"

#include <random>

using namespace kinu;
using namespace kinu::test;
using interpret::Interpreter;
using interpret::Tensor;

/// The loss of a form's @train over random variables and inputs, the same for every module of these declarations.
static double loss(Graph &graph) {
  std::mt19937 generator(7);
  std::uniform_real_distribution<double> uniform(-2, 2);
  Interpreter interpreter(*graph.module);
  auto draw = [&](NamedTensorType type) {
    Tensor value(type);
    for (double &element : value.floats)
      element = uniform(generator);
    return value;
  };
  for (auto variable : graph.module->getOps<VariableOp>())
    interpreter.setVariable(variable.getSymName(), draw(cast<NamedTensorType>(variable.getType())));
  graph.module->walk([&](InputOp input) {
    if (input.getType().isFloat())
      interpreter.setInput(input.getName(), draw(input.getType()));
  });
  interpreter.setInput("target", graph.ints("n=2, t=3", {4, 0, 2, 1, 1, 3}));
  interpreter.setInput("layer", int64_t(1));
  run(interpreter, "train");
  return interpreter.output("$loss_sum")[0];
}

/// How many ops of the kind the passes make; the loss must stay what it was.
template <typename Op> static int recognised(const std::string &text) {
  Graph graph(text);
  double before = loss(graph);
  mlir::PassManager passes(&graph.context);
  recognise::buildPipeline(passes);
  if (failed(passes.run(*graph.module)))
    ADD_FAILURE() << "the passes failed";
  EXPECT_NEAR(loss(graph), before, 1e-13 * std::abs(before));
  int count = 0;
  graph.module->walk([&](Op) { ++count; });
  return count;
}

TEST(Recognise, Norms) {
  EXPECT_EQ(recognised<NormOp>(layerNorm), 1);
  EXPECT_EQ(recognised<NormOp>(rmsNorm), 1);
}

TEST(Recognise, AttentionInEveryForm) {
  EXPECT_EQ(recognised<AttentionOp>(attention(causal)), 1);
  EXPECT_EQ(recognised<AttentionOp>(attention(softCapAlternating)), 1);
  EXPECT_EQ(recognised<AttentionOp>(attention(maskedRows)), 1);
  EXPECT_EQ(recognised<AttentionOp>(groupedAttention), 1);
  EXPECT_EQ(recognised<AttentionOp>(keyBias), 1);
}

TEST(Recognise, CrossEntropyWithAndWithoutSoftCap) {
  EXPECT_EQ(recognised<LinearCrossEntropyOp>(crossEntropy("", "%z")), 1);
  EXPECT_EQ(recognised<LinearCrossEntropyOp>(crossEntropy(logitCap, "%capped")), 1);
}
