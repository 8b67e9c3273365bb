// The functions of the standard library against their formulas, evaluated by the reference interpreter.
#include "test/check/CheckedSpec.h"
#include "test/interpret/Run.h"

#include "compiler/import/Import.h"

#include <cmath>

using namespace kinu;
using kinu::test::CheckedSpec;

namespace {

/// A model of one input x[batch, row, col] = 1 x 2 x 4 and one output y, evaluated.
std::vector<double> evaluate(const std::string &body, std::vector<double> x) {
  CheckedSpec spec("import std\nmodel m {\n axis batch, row up to 2\n axis col = 4, head = 6\n axis embed = 4\n"
                   " input x[batch, row, col]\n" +
                   body + "\n output y\n}\n");
  EXPECT_EQ(spec.messages, "");
  if (!spec.model)
    return {};
  mlir::MLIRContext context;
  context.loadDialect<KinuDialect>();
  auto module = import::importModels(context, spec.sources, {nullptr, nullptr, &*spec.model});
  interpret::Interpreter interpreter(*module);
  interpreter.initializeVariables(1);
  auto type = mlir::cast<NamedTensorType>(mlir::parseType("!kinu.tensor<batch=1, row=2, col=4 : f32>", &context));
  interpreter.setInput("x", interpret::Tensor(type, std::move(x)));
  for (const char *name : {"$seed", "$step", "$batch_offset"})
    interpreter.setInput(name, int64_t(0));
  test::run(interpreter, "generate");
  const interpret::Tensor &y = interpreter.output("y");
  // In the order of the names' axes as the spec means them: batch, row, col or head.
  std::string text = "!kinu.tensor<";
  for (llvm::StringRef name : {"batch", "row", "col", "head"})
    for (const Axis &axis : y.type.getAxes())
      if (axis.name == name)
        text += (llvm::StringRef(text).ends_with("<") ? "" : ", ") + name.str() + "=" + std::to_string(axis.length);
  auto ordered = mlir::cast<NamedTensorType>(
      mlir::parseType(text + (llvm::StringRef(text).ends_with("<") ? "f32>" : " : f32>"), &context));
  interpret::Tensor reordered = y.reordered(ordered);
  std::vector<double> result;
  for (int64_t i = 0; i < reordered.size(); ++i)
    result.push_back(reordered[i]);
  return result;
}

const std::vector<double> sample = {-2, -0.5, 0.25, 3, 1, 1, 1, 1};

void expectNear(const std::vector<double> &actual, const std::vector<double> &expected, double tolerance = 1e-12) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], tolerance) << "element " << i;
}

template <typename Function> std::vector<double> each(Function function) {
  std::vector<double> result;
  for (double x : sample)
    result.push_back(function(x));
  return result;
}

TEST(Std, Activations) {
  expectNear(evaluate("let y = relu(x)", sample), each([](double x) { return std::max(x, 0.0); }));
  expectNear(evaluate("let y = silu(x)", sample), each([](double x) { return x / (1 + std::exp(-x)); }));
  expectNear(evaluate("let y = gelu(x)", sample),
             each([](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }));
  expectNear(evaluate("let y = gelu_tanh(x)", sample), each([](double x) {
               return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
             }));
  expectNear(evaluate("let y = softcap(x, cap: 2.0)", sample), each([](double x) { return 2 * std::tanh(x / 2); }));
}

TEST(Std, SoftmaxSumsToOneAndSurvivesLargeNumbers) {
  std::vector<double> y = evaluate("let y = softmax(x * 1000.0, over: col)", sample);
  expectNear(y, {0, 0, 0, 1, 0.25, 0.25, 0.25, 0.25});
}

TEST(Std, ASoftmaxOverARowMaskedEverywhereIsZero) {
  std::vector<double> y = evaluate("let y = softmax(where(row == 1, x, -inf), over: col)", sample);
  expectNear(y, {0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25});
}

TEST(Std, CrossEntropyIsTheNegativeLogarithmOfTheSoftmax) {
  std::vector<double> loss =
      evaluate("let id = clamp(row + 2, col)\nlet p = softmax(x, over: col)\n"
               "let y = cross_entropy(x, where(x[col = 0] > 9.0, 0, id), over: col) + log(p[col = id])",
               sample);
  expectNear(loss, {0, 0});
  expectNear(evaluate("let y = sum(exp(log_softmax(x, over: col)), over: col)", sample), {1, 1});
}

TEST(Std, NormsHaveUnitScale) {
  std::vector<double> y = evaluate("let y = layernorm(x, over: col)", sample);
  double mean = 0.1875, variance = 0;
  for (int i = 0; i < 4; ++i)
    variance += (sample[i] - mean) * (sample[i] - mean) / 4;
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(y[i], (sample[i] - mean) / std::sqrt(variance + 1e-5), 1e-7);
  double square = (4 + 0.25 + 0.0625 + 9) / 4;
  for (const char *norm : {"let y = rmsnorm(x, over: col)", "let y = rmsnorm_plus_one(x, over: col, eps: 1e-5)"}) {
    y = evaluate(norm, sample);
    for (int i = 0; i < 4; ++i)
      EXPECT_NEAR(y[i], sample[i] / std::sqrt(square + 1e-5), 1e-7);
  }
}

TEST(Std, RopeTurnsHalvesByTheAngleOfThePosition) {
  std::vector<double> y = evaluate("let y = rope(x, over: col, at: row * 3, base: 100.0)", sample);
  expectNear({y.begin(), y.begin() + 4}, {sample.begin(), sample.begin() + 4}); // position 0: unchanged
  double fast = 3, slow = 3.0 / 10;
  expectNear({y.begin() + 4, y.end()},
             {std::cos(fast) - std::sin(fast), std::cos(slow) - std::sin(slow), std::cos(fast) + std::sin(fast),
              std::cos(slow) + std::sin(slow)},
             1e-6);
}

TEST(Std, AlibiSlopesOfSixHeadsTakeEverySecondOfTheNextPower) {
  std::vector<double> y = evaluate("let y = alibi_slope(over: head)", sample);
  expectNear(y, {std::pow(2, -2), std::pow(2, -4), std::pow(2, -6), std::pow(2, -8), std::pow(2, -1), std::pow(2, -3)},
             1e-7);
}

TEST(Std, DropoutScalesWhatItKeeps) {
  std::vector<double> y = evaluate("let y = dropout(x, rate: 0.5)", sample);
  for (size_t i = 0; i < sample.size(); ++i)
    EXPECT_TRUE(y[i] == 0 || std::abs(y[i] - 2 * sample[i]) < 1e-12) << i;
}

} // namespace
