// Accuracy of the transcendental functions, over sweeps of the whole range, against libm in double.
#include "KernelRun.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>

using namespace kinu::test;
using kinu::interpret::Tensor;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr int64_t kCount = 16384;

/// `op` of a vector; `rsqrt` as import writes it.
static std::string unaryKernel(const std::string &op, size_t count = kCount) {
  std::string body = "%y = kinu." + op + " %x : !x";
  if (op == "rsqrt")
    body = "%root = kinu.sqrt %x : !x\n%one = kinu.constant(1.0) : !kinu.tensor<f32>\n"
           "%y = kinu.div %one, %root : (!kinu.tensor<f32>, !x) -> !x";
  return "!x = !kinu.tensor<n=" + std::to_string(count) + R"mlir( : f32>
    step.kernel @k loops rows ["n"] inplace [] {
    ^bb0(%x: !x):
      )mlir" +
         body + R"mlir(
      kinu.yield %y : !x
    })mlir";
}

static float fromBits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

/// Floats of every exponent and both signs, 512 of each: infinities and NaN among them.
static std::vector<double> allMagnitudes() {
  std::vector<double> values;
  for (int64_t i = 0; i < 0x40000; ++i)
    values.push_back(fromBits(static_cast<uint32_t>(i * 0x4000 + i * 7919 % 0x4000)));
  values[0] = kInfinity;
  values[1] = -kInfinity;
  values[2] = std::numeric_limits<float>::quiet_NaN();
  values[3] = 0;
  values[4] = -0.0;
  return values;
}

/// Every bf16: the upper halves of floats.
static std::vector<double> everyBf16() {
  std::vector<double> values;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    values.push_back(fromBits(bits << 16));
  return values;
}

/// Every fp16: sign, 5 bits of exponent, 10 of fraction.
static std::vector<double> everyFp16() {
  std::vector<double> values;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = exponent == 31 ? (fraction ? std::numeric_limits<double>::quiet_NaN() : kInfinity)
                       : exponent     ? std::ldexp(1024 + fraction, static_cast<int>(exponent) - 25)
                                      : std::ldexp(fraction, -24);
    values.push_back(bits >> 15 ? -magnitude : magnitude);
  }
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

static std::map<std::string, double> worstOf;

static void expectAccurate(const std::string &op, double (*function)(double), const std::vector<double> &points,
                           double limit) {
  CompiledKernel kernel(unaryKernel(op, points.size()));
  ASSERT_TRUE(kernel.ok());
  Tensor input(kernel.randomOperands(0)[0].type, points);
  Tensor output = kernel.results({input})[0];
  double worst = 0, where = 0;
  for (size_t i = 0; i < points.size(); ++i) {
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
  worstOf[op] = std::max(worstOf[op], worst);
}

/// Over every exponent, all that 16 bits can hold, and the range where the function changes. The limit is the one that
/// Math.h states.
static void expectAccurate(const std::string &op, double (*function)(double), double from, double to, double limit) {
  expectAccurate(op, function, allMagnitudes(), limit);
  expectAccurate(op, function, everyBf16(), limit);
  expectAccurate(op, function, everyFp16(), limit);
  expectAccurate(op, function, evenly(from, to), limit);
  std::printf("%s: at most %.2f units in the last place\n", op.c_str(), worstOf[op]);
}

TEST(Math, Exp) { expectAccurate("exp", std::exp, -90, 90, 1); }
TEST(Math, Log) { expectAccurate("log", std::log, 0.5, 2, 1); }
TEST(Math, Tanh) { expectAccurate("tanh", std::tanh, -10, 10, 1.5); }
TEST(Math, Erf) { expectAccurate("erf", std::erf, -6, 6, 1.1); }
TEST(Math, Sqrt) { expectAccurate("sqrt", std::sqrt, 0, 4, 0.51); }
TEST(Math, Rsqrt) {
  expectAccurate(
      "rsqrt", [](double x) { return 1 / std::sqrt(x); }, 0, 4, 1.5);
}

// What masks rely on: exactly 0 from minus infinity and from all that is below the normal range.
TEST(Math, ExpOfWhatIsMasked) {
  CompiledKernel kernel(unaryKernel("exp", 4));
  ASSERT_TRUE(kernel.ok());
  Tensor input(kernel.randomOperands(0)[0].type, std::vector<double>{-kInfinity, -1e30, -200, -88});
  Tensor output = kernel.results({input})[0];
  for (double y : output.floats)
    EXPECT_EQ(y, 0);
}

/// Without the points that are beyond what Math.h speaks for.
static std::vector<double> upTo65536(std::vector<double> points) {
  std::erase_if(points, [](double x) { return std::isfinite(x) && std::fabs(x) > 65536; });
  return points;
}

// Infinities and NaN give NaN.
TEST(Math, SinAndCos) {
  for (auto [name, function] : {std::pair<const char *, double (*)(double)>{"sin", std::sin}, {"cos", std::cos}}) {
    for (const std::vector<double> &points :
         {allMagnitudes(), everyBf16(), everyFp16(), evenly(-4, 4), evenly(-65536, 65536)})
      expectAccurate(name, function, upTo65536(points), 1.6);
    std::printf("%s: at most %.2f units in the last place\n", name, worstOf[name]);
  }
}

// Where sines are near 0: the floats on both sides of multiples of pi / 2.
TEST(Math, SinAndCosNearTheirZeros) {
  std::vector<double> points;
  for (int64_t n = 1; n <= 40000; ++n) {
    float x = static_cast<float>(double(n) * M_PI / 2);
    for (float near : {x, std::nextafter(x, 0.0f), std::nextafter(x, kInfinity)})
      points.push_back(near);
  }
  expectAccurate("sin", std::sin, points, 1.6);
  expectAccurate("cos", std::cos, points, 1.6);
  std::printf("sin %.2f, cos %.2f units in the last place\n", worstOf["sin"], worstOf["cos"]);
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
