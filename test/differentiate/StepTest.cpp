// A whole training step: normalisation of the loss, micro-batches, the optimizers.
#include "test/differentiate/Gradients.h"

using namespace kinu::test;
using kinu::DifferentiateOptions;
using kinu::interpret::Interpreter;

/// The loss is the sum of w x over the elements of x where it is positive; a bias adds to every one.
static const std::string model = R"(
  kinu.variable @w weight zeros(0.0, 0.0) : !kinu.tensor<a=2 : f32>
  kinu.variable @b bias zeros(0.0, 0.0) : !kinu.tensor<f32>
  kinu.program @train {
    %w = kinu.read @w : !kinu.tensor<a=2 : f32>
    %b = kinu.read @b : !kinu.tensor<f32>
    %x = kinu.input "x" : !kinu.tensor<batch=2, a=2 : f32>
    %p = kinu.mul %x, %w : (!kinu.tensor<batch=2, a=2 : f32>, !kinu.tensor<a=2 : f32>) -> !kinu.tensor<batch=2, a=2 : f32>
    %q = kinu.add %p, %b : (!kinu.tensor<batch=2, a=2 : f32>, !kinu.tensor<f32>) -> !kinu.tensor<batch=2, a=2 : f32>
    %zero = kinu.constant(0.0) : !kinu.tensor<f32>
    %m = kinu.compare gt %x, %zero : (!kinu.tensor<batch=2, a=2 : f32>, !kinu.tensor<f32>) -> !kinu.tensor<batch=2, a=2 : i1>
    %r = kinu.select %m, %q, %zero : (!kinu.tensor<batch=2, a=2 : i1>, !kinu.tensor<batch=2, a=2 : f32>, !kinu.tensor<f32>) -> !kinu.tensor<batch=2, a=2 : f32>
    %l = kinu.reduce sum %r over ["batch", "a"] : (!kinu.tensor<batch=2, a=2 : f32>) -> !kinu.tensor<f32>
    %f = kinu.to_float %m : (!kinu.tensor<batch=2, a=2 : i1>) -> !kinu.tensor<batch=2, a=2 : f32>
    %n = kinu.reduce sum %f over ["batch", "a"] : (!kinu.tensor<batch=2, a=2 : f32>) -> !kinu.tensor<f32>
    kinu.output "$loss_sum", %l : !kinu.tensor<f32>
    kinu.output "$loss_count", %n : !kinu.tensor<f32>
  })";
using Values = std::vector<double>;

TEST(Step, AMaskedLossHasAProgramThatCounts) {
  Differentiated graph(model);
  graph.interpreter->setInput("x", graph.floats("batch=2, a=2", {1, -1, 2, 3}));
  run(*graph.interpreter, "count");
  EXPECT_EQ(graph.interpreter->output("$loss_count")[0], 3);
  EXPECT_FALSE(graph.interpreter->hasOutput("$loss_sum"));
}

TEST(Step, AnUnmaskedLossHasNone) {
  Differentiated graph(weight("w", "") + R"(kinu.program @train {
    %w = kinu.read @w : !kinu.tensor<f32>
    %n = kinu.constant(1.0) : !kinu.tensor<f32>
    kinu.output "$loss_sum", %w : !kinu.tensor<f32>
    kinu.output "$loss_count", %n : !kinu.tensor<f32>
  })");
  EXPECT_FALSE(graph.module->lookupSymbol("count"));
}

TEST(Step, GradientsAreDividedByTheElementsOfTheWholeStep) {
  Differentiated graph(model);
  graph.interpreter->setInput("x", graph.floats("batch=2, a=2", {1, -1, 2, 3}));
  graph.interpreter->setInput("$loss_count", 4.0);
  run(*graph.interpreter, "micro");
  EXPECT_EQ(graph.interpreter->variable("w.gradient").floats, (Values{3.0 / 4, 3.0 / 4}));
  EXPECT_EQ(graph.interpreter->variable("b.gradient").floats, (Values{3.0 / 4}));
}

TEST(Step, NothingCountedGivesNoGradient) {
  Differentiated graph(model);
  graph.interpreter->setInput("x", graph.floats("batch=2, a=2", {-1, -1, -2, -3}));
  graph.interpreter->setInput("$loss_count", 0.0);
  run(*graph.interpreter, "micro");
  EXPECT_EQ(graph.interpreter->variable("w.gradient").floats, (Values{0, 0}));
}

TEST(Step, MicroBatchesAddUp) {
  Differentiated graph(model);
  Interpreter &interpreter = *graph.interpreter;
  interpreter.setInput("$loss_count", 5.0);
  interpreter.setInput("$first", int64_t(1));
  interpreter.setInput("x", graph.floats("batch=2, a=2", {1, -1, 2, 3}));
  run(interpreter, "micro");
  interpreter.setInput("$first", int64_t(0));
  interpreter.setInput("x", graph.floats("batch=2, a=2", {4, 1, -2, -3}));
  run(interpreter, "micro");
  EXPECT_NEAR(interpreter.variable("w.gradient").floats[0], 7.0 / 5, 1e-15);
  EXPECT_NEAR(interpreter.variable("w.gradient").floats[1], 4.0 / 5, 1e-15);
}

/// Sets w = (2, -4), b = 1 and their gradients (3, 0), 4, so that the whole gradient has norm 5, and a rate of 0.1.
static void setUp(Differentiated &graph) {
  Interpreter &interpreter = *graph.interpreter;
  for (auto [name, variable] : interpreter.allVariables())
    interpreter.setVariable(name, kinu::interpret::Tensor(variable.type));
  interpreter.setVariable("w", graph.floats("a=2", {2, -4}));
  interpreter.setVariable("b", graph.floats("", {1}));
  interpreter.setVariable("w.gradient", graph.floats("a=2", {3, 0}));
  interpreter.setVariable("b.gradient", graph.floats("", {4}));
  interpreter.setInput("$learning_rate", 0.1);
}

// Worked by hand from Loshchilov and Hutter's algorithm 2, with biases left out of the decay.
TEST(Step, AdamWWithClippingAndDecay) {
  DifferentiateOptions options;
  options.beta1 = 0.9;
  options.beta2 = 0.99;
  options.decay = 0.5;
  options.clip = 2.5;
  options.epsilon = 0.25;
  Differentiated graph(model, 0, 1, options);
  setUp(graph);
  Interpreter &interpreter = *graph.interpreter;
  interpreter.setInput("$bias_correction1", 0.1);
  interpreter.setInput("$bias_correction2", 0.01);
  run(interpreter, "update");
  EXPECT_DOUBLE_EQ(interpreter.output("$gradient_norm")[0], 5);
  double scale = 2.5 / (5 + 1e-6), g = 3 * scale, bias = 4 * scale;
  EXPECT_NEAR(interpreter.variable("w.moment1").floats[0], 0.1 * g, 1e-15);
  EXPECT_NEAR(interpreter.variable("w.moment2").floats[0], 0.01 * g * g, 1e-15);
  EXPECT_NEAR(interpreter.variable("w").floats[0], 2 - 0.1 * (g / (g + 0.25) + 0.5 * 2), 1e-12);
  EXPECT_NEAR(interpreter.variable("w").floats[1], -4 - 0.1 * 0.5 * -4, 1e-12);
  EXPECT_NEAR(interpreter.variable("b").floats[0], 1 - 0.1 * bias / (bias + 0.25), 1e-12);
}

TEST(Step, SmallGradientsAreNotClipped) {
  DifferentiateOptions options;
  options.optimizer = "sgd";
  options.clip = 6;
  Differentiated graph(model, 0, 1, options);
  setUp(graph);
  run(*graph.interpreter, "update");
  EXPECT_NEAR(graph.interpreter->variable("w").floats[0], 2 - 0.1 * 3, 1e-12);
  EXPECT_FALSE(graph.module->lookupSymbol("w.moment1")); // plain descent remembers nothing
}

TEST(Step, SgdWithMomentum) {
  DifferentiateOptions options;
  options.optimizer = "sgd";
  options.momentum = 0.5;
  Differentiated graph(model, 0, 1, options);
  setUp(graph);
  run(*graph.interpreter, "update");
  run(*graph.interpreter, "update");
  EXPECT_NEAR(graph.interpreter->variable("w.moment1").floats[0], 4.5, 1e-12);
  EXPECT_NEAR(graph.interpreter->variable("w").floats[0], 2 - 0.1 * 3 - 0.1 * 4.5, 1e-12);
  EXPECT_FALSE(graph.module->lookupSymbol("w.moment2"));
}

// Gradients are those of the loss times the scale, and the update undoes it: the same weights as without.
TEST(Step, AScaledLossChangesNothingButTheGradients) {
  for (const char *optimizer : {"adamw", "sgd"}) {
    std::vector<Values> weights;
    for (bool scaled : {false, true}) {
      DifferentiateOptions options;
      options.optimizer = optimizer;
      options.clip = 0.5;
      options.scaleLoss = scaled;
      Differentiated graph(model, 0, 1, options);
      setUp(graph);
      Interpreter &interpreter = *graph.interpreter;
      interpreter.setInput("x", graph.floats("batch=2, a=2", {1, -1, 2, 3}));
      for (auto [name, value] : {std::pair("$loss_count", 4.0), std::pair("$bias_correction1", 0.1),
                                 std::pair("$bias_correction2", 0.01), std::pair("$loss_scale", 1024.0)})
        interpreter.setInput(name, value);
      run(interpreter, "micro");
      EXPECT_EQ(interpreter.variable("b.gradient").floats, (Values{scaled ? 768.0 : 0.75}));
      run(interpreter, "update");
      EXPECT_NEAR(interpreter.output("$gradient_norm")[0], 0.75 * std::sqrt(3), 1e-12);
      EXPECT_EQ(interpreter.hasOutput("$overflow"), scaled);
      if (scaled)
        EXPECT_EQ(interpreter.output("$overflow")[0], 0);
      weights.push_back(interpreter.variable("w").floats);
    }
    EXPECT_NEAR(weights[0][0], weights[1][0], 1e-12);
    EXPECT_NEAR(weights[0][1], weights[1][1], 1e-12);
  }
}

// One element that is infinite or NaN, and no variable moves.
TEST(Step, AnOverflowLeavesEverythingAsItWas) {
  for (double bad : {HUGE_VAL, std::nan("")})
    for (const char *optimizer : {"adamw", "sgd"}) {
      DifferentiateOptions options;
      options.optimizer = optimizer;
      options.momentum = 0.9;
      options.clip = 1;
      options.decay = 0.1;
      options.scaleLoss = true;
      Differentiated graph(model, 0, 1, options);
      setUp(graph);
      Interpreter &interpreter = *graph.interpreter;
      interpreter.setVariable("w.gradient", graph.floats("a=2", {bad, 1}));
      for (auto name : {"$bias_correction1", "$bias_correction2"})
        interpreter.setInput(name, 0.5);
      interpreter.setInput("$loss_scale", 65536.0);
      auto before = interpreter.allVariables();
      run(interpreter, "update");
      EXPECT_EQ(interpreter.output("$overflow")[0], 1);
      for (auto &[name, value] : interpreter.allVariables())
        if (!llvm::StringRef(name).ends_with(".gradient"))
          EXPECT_EQ(value.floats, before.at(name).floats) << name;
    }
}
