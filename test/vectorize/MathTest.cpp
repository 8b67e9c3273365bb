// Accuracy of the transcendental functions, over sweeps of the whole range, against libm in double.
#include "KernelRun.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

using namespace kinu::test;
using kinu::interpret::Tensor;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr int64_t kCount = 16384;

static std::string unaryKernel(const std::string &op) {
  return R"mlir(
    !x = !kinu.tensor<n=16384 : f32>
    step.kernel @k loops rows ["n"] inplace [] {
    ^bb0(%x: !x):
      %y = kinu.)mlir" +
         op + R"mlir( %x : !x
      kinu.yield %y : !x
    })mlir";
}

/// Floats of every magnitude and both signs: bit patterns spread evenly, infinities and NaN among them.
static std::vector<double> allMagnitudes() {
  std::vector<double> values;
  for (int64_t i = 0; i < kCount; ++i) {
    auto bits = static_cast<uint32_t>(i * (0x100000000 / kCount) + 12345);
    float x;
    std::memcpy(&x, &bits, 4);
    values.push_back(x);
  }
  values[0] = kInfinity;
  values[1] = -kInfinity;
  values[2] = std::numeric_limits<float>::quiet_NaN();
  values[3] = 0;
  values[4] = -0.0;
  return values;
}

static std::vector<double> evenly(double from, double to) {
  std::vector<double> values;
  for (int64_t i = 0; i < kCount; ++i)
    values.push_back(static_cast<float>(from + (to - from) * double(i) / double(kCount - 1)));
  return values;
}

/// The distance in units in the last place of a float; results below the normal range may be 0.
static double ulps(double got, double wanted) {
  if (std::isnan(wanted) || std::isnan(got))
    return std::isnan(wanted) && std::isnan(got) ? 0 : 1e9;
  double rounded = static_cast<float>(wanted);
  if (std::isinf(rounded) || std::isinf(got))
    return rounded == got ? 0 : std::fabs(wanted) > 3.4028e38 && std::fabs(got) > 3.4028e38 ? 1 : 1e9;
  if (std::fabs(wanted) < 0x1p-125)
    return std::fabs(got - wanted) <= 0x1p-126 ? 0 : 1e9;
  return std::fabs(got - wanted) / std::ldexp(1.0, std::ilogb(wanted) - 23);
}

static void expectAccurate(const std::string &op, double (*function)(double), const std::vector<double> &points,
                           double limit) {
  CompiledKernel kernel(unaryKernel(op));
  ASSERT_TRUE(kernel.ok());
  Tensor input(kernel.randomOperands(0)[0].type, points);
  Tensor output = kernel.results({input})[0];
  double worst = 0, where = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    // Subnormal arguments may count as 0 or as themselves.
    if (std::fpclassify(static_cast<float>(points[i])) == FP_SUBNORMAL)
      continue;
    double error = ulps(output.floats[i], function(points[i]));
    if (error > worst) {
      worst = error;
      where = points[i];
    }
  }
  EXPECT_LE(worst, limit) << op << " is worst at " << where;
}

TEST(Math, Exp) {
  expectAccurate("exp", std::exp, allMagnitudes(), 2);
  expectAccurate("exp", std::exp, evenly(-90, 90), 2);
}

TEST(Math, Log) {
  expectAccurate("log", std::log, allMagnitudes(), 3);
  expectAccurate("log", std::log, evenly(0.5, 2), 3);
}

TEST(Math, Tanh) {
  expectAccurate("tanh", std::tanh, allMagnitudes(), 4);
  expectAccurate("tanh", std::tanh, evenly(-10, 10), 4);
}

TEST(Math, Erf) {
  expectAccurate("erf", std::erf, allMagnitudes(), 3);
  expectAccurate("erf", std::erf, evenly(-6, 6), 3);
}

/// The largest absolute error of an op over points, for functions with zeros that no float hits.
static void expectClose(const std::string &op, double (*function)(double), const std::vector<double> &points,
                        double limit) {
  CompiledKernel kernel(unaryKernel(op));
  ASSERT_TRUE(kernel.ok());
  Tensor input(kernel.randomOperands(0)[0].type, points);
  Tensor output = kernel.results({input})[0];
  for (int64_t i = 0; i < kCount; ++i)
    ASSERT_NEAR(output.floats[i], function(points[i]), limit) << op << "(" << points[i] << ")";
}

TEST(Math, SinAndCos) {
  expectClose("sin", std::sin, evenly(-1e5, 1e5), 2e-7);
  expectClose("cos", std::cos, evenly(-1e5, 1e5), 2e-7);
  expectClose("sin", std::sin, evenly(-4, 4), 1.2e-7);
}

static double powerAt(double x, double y) {
  Tensor xs, ys;
  CompiledKernel kernel(R"mlir(
    !x = !kinu.tensor<n=17 : f32>
    step.kernel @k loops rows ["n"] inplace [] {
    ^bb0(%x: !x, %y: !x):
      %p = kinu.pow %x, %y : (!x, !x) -> !x
      kinu.yield %p : !x
    })mlir");
  if (!kernel.ok())
    return 0;
  auto type = kernel.randomOperands(0)[0].type;
  return kernel.results({Tensor(type, std::vector<double>(17, x)), Tensor(type, std::vector<double>(17, y))})[0]
      .floats[16];
}

// C's table of special cases, as far as floats of a model meet it.
TEST(Math, PowSpecialCases) {
  EXPECT_EQ(powerAt(0, 2.5), 0);
  EXPECT_EQ(powerAt(0, -1), kInfinity);
  EXPECT_EQ(powerAt(0, 0), 1);
  EXPECT_EQ(powerAt(-2, 3), -8);
  EXPECT_EQ(powerAt(-2, 4), 16);
  EXPECT_TRUE(std::isnan(powerAt(-2, 0.5)));
  EXPECT_EQ(powerAt(kInfinity, 0.5), kInfinity);
  EXPECT_EQ(powerAt(kInfinity, -0.5), 0);
  EXPECT_EQ(powerAt(1, std::numeric_limits<double>::quiet_NaN()), 1);
  EXPECT_TRUE(std::isnan(powerAt(std::numeric_limits<double>::quiet_NaN(), 2)));
  EXPECT_EQ(powerAt(10, 39), kInfinity);
}

// A constant base, as in frequencies and slopes, and a large exponent: good to the last place.
TEST(Math, PowAccuracy) {
  CompiledKernel kernel(R"mlir(
    !x = !kinu.tensor<n=16384 : f32>
    !s = !kinu.tensor<f32>
    step.kernel @k loops rows ["n"] inplace [] {
    ^bb0(%x: !x, %base: !s):
      %p = kinu.pow %base, %x : (!s, !x) -> !x
      kinu.yield %p : !x
    })mlir");
  ASSERT_TRUE(kernel.ok());
  auto operands = kernel.randomOperands(0);
  operands[0].floats = evenly(-30, 30);
  operands[1].floats = {static_cast<float>(7.3)};
  Tensor output = kernel.results(operands)[0];
  for (int64_t i = 0; i < kCount; ++i)
    ASSERT_LE(ulps(output.floats[i], std::pow(operands[1].floats[0], operands[0].floats[i])), 0.51);
}

// Tables are computed in double and rounded once.
TEST(Math, TablesInDouble) {
  CompiledKernel kernel(R"mlir(
    !x = !kinu.tensor<n=1000, d=8 : f32>
    !n_int = !kinu.tensor<n=1000 : i64>
    !n = !kinu.tensor<n=1000 : f32>
    !d_int = !kinu.tensor<d=8 : i64>
    !d = !kinu.tensor<d=8 : f32>
    !s = !kinu.tensor<f32>
    step.kernel @k loops rows ["n", "d"] inplace [] attributes {kinu.double} {
      %n = kinu.index : !n_int
      %nf = kinu.to_float %n : (!n_int) -> !n
      %d = kinu.index : !d_int
      %df = kinu.to_float %d : (!d_int) -> !d
      %base = kinu.constant(0.1) : !s
      %w = kinu.pow %base, %df : (!s, !d) -> !d
      %a = kinu.mul %nf, %w : (!n, !d) -> !x
      %y = kinu.sin %a : !x
      kinu.yield %y : !x
    })mlir");
  ASSERT_TRUE(kernel.ok());
  Tensor output = kernel.results({})[0];
  for (int64_t n = 0; n < 1000; ++n)
    for (int64_t d = 0; d < 8; ++d)
      ASSERT_EQ(output.floats[n * 8 + d], static_cast<float>(std::sin(double(n) * std::pow(0.1, double(d)))));
}
