// Gradients by the pass against central differences, both in double through the reference interpreter.
#pragma once

#include "compiler/differentiate/Differentiate.h"
#include "test/interpret/Run.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <cmath>
#include <random>

namespace kinu::test {

/// A module whose program @train has been differentiated, with variables set at random.
struct Differentiated : Graph {
  std::unique_ptr<interpret::Interpreter> interpreter;
  std::mt19937 generator{1};

  static mlir::DialectRegistry rules() {
    mlir::DialectRegistry registry;
    registry.insert<KinuDialect>();
    differentiate::registerDerivatives(registry);
    return registry;
  }

  /// Variables are drawn uniformly from [low, high). `before` adds passes that run first.
  explicit Differentiated(const std::string &text, double low = -1, double high = 1, DifferentiateOptions options = {},
                          void (*before)(mlir::OpPassManager &) = nullptr)
      : Graph(text, rules()) {
    module.get()->setAttr("kinu.global_batch", mlir::Builder(&context).getI64IntegerAttr(4));
    module.get()->setAttr("kinu.micro_batches", mlir::Builder(&context).getI64IntegerAttr(1));
    mlir::PassManager passes(&context);
    if (before)
      before(passes);
    passes.addPass(createDifferentiate(options));
    passes.addPass(mlir::createCanonicalizerPass());
    passes.addPass(mlir::createCSEPass());
    if (failed(passes.run(*module)))
      llvm::report_fatal_error("the pass failed");
    interpreter = std::make_unique<interpret::Interpreter>(*module);
    std::uniform_real_distribution<double> uniform(low, high);
    for (auto [name, variable] : interpreter->allVariables()) {
      if (llvm::StringRef(name).ends_with(".gradient"))
        continue; // a weight that the loss does not see keeps the zeros
      interpret::Tensor value = variable;
      for (double &element : value.floats)
        element = uniform(generator);
      interpreter->setVariable(name, value);
    }
    interpreter->setInput("$loss_count", 3.0);
  }

  ProgramOp micro() { return module->lookupSymbol<ProgramOp>("micro"); }

  /// Sets every float of the model that @micro reads, at random.
  void drawInputs() {
    std::uniform_real_distribution<double> uniform(-1, 1);
    micro().walk([&](InputOp input) {
      if (!input.getType().isFloat() || input.getName().starts_with("$"))
        return;
      interpret::Tensor value(input.getType());
      for (double &element : value.floats)
        element = uniform(generator);
      interpreter->setInput(input.getName(), value);
    });
  }

  /// The loss that the gradient belongs to.
  double loss() {
    run(*interpreter, "micro");
    double sum = 0;
    if (interpreter->hasOutput("$loss_sum"))
      sum += interpreter->output("$loss_sum")[0] / 3.0;
    if (interpreter->hasOutput("$aux_sum"))
      sum += interpreter->output("$aux_sum")[0] / 4.0;
    return sum;
  }

  /// The gradient of every variable agrees with central differences: relative 1e-6, of the largest where it is small.
  void check() {
    loss();
    std::map<std::string, interpret::Tensor> variables = interpreter->allVariables();
    for (auto &[name, value] : variables) {
      if (!variables.count(name + ".gradient"))
        continue;
      interpret::Tensor gradient = variables.at(name + ".gradient"), moved = value;
      double largest = 0, difference = 0, norm = 0;
      for (size_t i = 0; i < moved.floats.size(); ++i) {
        double step = 1e-5, numeric = (lossAt(name, moved, i, step) - lossAt(name, moved, i, -step)) / (2 * step);
        largest = std::max(largest, std::abs(numeric));
        difference = std::max(difference, std::abs(numeric - gradient.floats[i]));
        norm += gradient.floats[i] * gradient.floats[i];
      }
      EXPECT_LE(difference, 1e-6 * std::max(largest, 1e-2))
          << "of " << name << ", whose largest derivative is " << largest;
      EXPECT_GT(norm + largest, 0) << "of " << name << ": a gradient of zeros tests nothing";
    }
  }

private:
  double lossAt(const std::string &name, interpret::Tensor value, size_t element, double step) {
    interpret::Tensor before = value;
    value.floats[element] += step;
    interpreter->setVariable(name, value);
    double result = loss();
    interpreter->setVariable(name, before);
    return result;
  }
};

/// A weight's declaration.
inline std::string weight(const std::string &name, const std::string &axes) {
  return "kinu.variable @" + name + " weight zeros(0.0, 0.0) : !kinu.tensor<" + axes + (axes.empty() ? "" : " : ") +
         "f32>\n";
}

/// Checks the gradients of ops that compute %r, of axes `result`, from %x[a=2, b=3], %y[b=3] and %z[], all weights.
/// The loss is the sum of %r weighted at random.
inline void checkOps(const std::string &ops, const std::string &result, double low = -1, double high = 1,
                     std::vector<int64_t> index = {2, 0, 1}) {
  std::string type = "!kinu.tensor<" + result + (result.empty() ? "" : " : ") + "f32>", over;
  for (size_t at = 0; at < result.size();) {
    size_t equals = result.find('=', at), comma = result.find(", ", equals);
    over += (over.empty() ? "\"" : ", \"") + result.substr(at, equals - at) + "\"";
    at = comma == std::string::npos ? result.size() : comma + 2;
  }
  Differentiated graph(
      weight("x", "a=2, b=3") + weight("y", "b=3") + weight("z", "") +
          "kinu.program @train {\n"
          "%x = kinu.read @x : !kinu.tensor<a=2, b=3 : f32>\n"
          "%y = kinu.read @y : !kinu.tensor<b=3 : f32>\n"
          "%z = kinu.read @z : !kinu.tensor<f32>\n"
          "%i = kinu.input \"i\" : !kinu.tensor<b=3 : i64>\n" +
          ops + "\n%c = kinu.input \"c\" : " + type + "\n%l = kinu.dot %r, %c over [" + over + "] : (" + type + ", " +
          type + ") -> !kinu.tensor<f32>\n" +
          "%p = kinu.mul %x, %y : (!kinu.tensor<a=2, b=3 : f32>, !kinu.tensor<b=3 : f32>) -> !kinu.tensor<a=2, b=3 : "
          "f32>\n"
          "%q = kinu.mul %p, %z : (!kinu.tensor<a=2, b=3 : f32>, !kinu.tensor<f32>) -> !kinu.tensor<a=2, b=3 : f32>\n"
          "%s = kinu.reduce sum %q over [\"a\", \"b\"] : (!kinu.tensor<a=2, b=3 : f32>) -> !kinu.tensor<f32>\n"
          "%t = kinu.add %l, %s : (!kinu.tensor<f32>, !kinu.tensor<f32>) -> !kinu.tensor<f32>\n"
          "kinu.output \"$loss_sum\", %t : !kinu.tensor<f32>\n}",
      low, high);
  graph.interpreter->setInput("i", graph.ints("b=3", index));
  graph.drawInputs();
  graph.check();
}

} // namespace kinu::test
