// Contractions of every format on random shapes and layouts, each element within its error bound.
//
// A sum of K products in f32 is off by at most (K + 1) u |A| |B|, u = 2^-24: one rounding for every product and one for
// every addition (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1); products of 16-bit floats
// are exact in f32. A result of 16 bits is rounded once more. With `promote` N, sums of N products in fp16 are off by N
// u |A| |B|, u = 2^-11, of their own; adding those up is f32 arithmetic.
#include "test/machines/EmulatedMachines.h"
#include "test/vectorize/KernelRun.h"
#include "test/vectorize/gemm/DotText.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <regex>

using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

namespace {

/// The relative error of one rounding to a format.
double unitOf(const std::string &format) { return std::ldexp(1.0, format == "f32" ? -24 : format == "f16" ? -11 : -8); }

std::vector<Tensor> magnitudes(std::vector<Tensor> operands) {
  for (Tensor &operand : operands)
    for (double &x : operand.floats)
      x = std::fabs(x);
  return operands;
}

struct Product {
  Axes lhs, rhs, result;
  Lengths lengths;
  DotFormat format;

  double sums() const {
    double count = 1;
    for (auto [axis, length] : lengths)
      if (result.find(axis) == Axes::npos)
        count *= double(length);
    return count;
  }
};

void expectWithinBound(const Product &product, const machines::Machine &machine = machines::detectLocal()) {
  std::string text = dotText(product.lhs, product.rhs, product.result, product.lengths, product.format);
  SCOPED_TRACE(text);
  CompiledKernel kernel(text, machine);
  ASSERT_TRUE(kernel.ok());
  std::vector<Tensor> operands = kernel.randomOperands(7);
  Tensor got = kernel.results(operands)[0], wanted = kernel.expected(operands)[0];
  Tensor size = kernel.expected(magnitudes(operands))[0];
  double unit = unitOf(product.format.result);
  int64_t wrong = 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    double bound = (product.sums() + 1) * unitOf("f32") * size[i];
    if (product.format.promote)
      bound += std::min(double(product.format.promote), product.sums()) * unitOf("f16") * size[i];
    if (product.format.result != "f32") // the reference is rounded, too: two sums that are almost one may round apart
      bound += 2 * unit * (std::fabs(wanted[i]) + bound);
    if (!(std::fabs(got[i] - wanted[i]) <= bound) && wrong++ == 0)
      ADD_FAILURE() << "element " << i << " of " << got.size() << " is " << got[i] << ", not " << wanted[i]
                    << ", and may be off by " << bound;
  }
  EXPECT_EQ(wrong, 0) << "elements are wrong";
}

/// Axes b (batch), m n (rows), c d (columns) and k l (sums) in any order, some left out, with lengths around the edges
/// of vectors and tiles.
Product randomProduct(std::mt19937_64 &random, const DotFormat &format) {
  const int64_t sizes[] = {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 97, 130};
  const int64_t small[] = {1, 2, 3, 5};
  auto oneIn = [&](uint64_t n) { return random() % n == 0; };
  Product product{{}, {}, {}, {}, format};
  std::string batch = oneIn(3) ? "b" : "", rows = oneIn(3) ? "mn" : "m", columns = oneIn(3) ? "cd" : "c";
  std::string sums = oneIn(4) ? "kl" : "k";
  for (char axis : batch + rows + columns + sums)
    product.lengths[axis] = std::string("bndl").find(axis) != std::string::npos ? small[random() % std::size(small)]
                                                                                : sizes[random() % std::size(sizes)];
  auto shuffled = [&](std::string axes) {
    std::shuffle(axes.begin(), axes.end(), random);
    return axes;
  };
  product.lhs = shuffled(batch + rows + sums);
  product.rhs = shuffled(batch + columns + sums);
  product.result = shuffled(batch + rows + columns);
  if (oneIn(2))
    std::swap(product.lhs, product.rhs);
  return product;
}

/// Another sweep with KINU_SEED=number.
uint64_t sweepSeed() {
  const char *given = std::getenv("KINU_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 1;
}

void sweep(int rounds, const DotFormat &format, const machines::Machine &machine = machines::detectLocal()) {
  uint64_t seed = sweepSeed();
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("KINU_SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed++);
    expectWithinBound(randomProduct(random, format), machine);
  }
}

TEST(LowPrecision, f32) { sweep(10, {}); }
TEST(LowPrecision, bf16) { sweep(30, {"bf16", "f32"}); }
TEST(LowPrecision, bf16Result) { sweep(30, {"bf16", "bf16"}); }
TEST(LowPrecision, f16) { sweep(12, {"f16", "f32"}); }
TEST(LowPrecision, f16Result) { sweep(12, {"f16", "f16"}); }

TEST(LowPrecision, bf16InTiles) {
  sweep(20, {"bf16", "f32"}, withTiles());
  sweep(20, {"bf16", "bf16"}, withTiles());
}

TEST(LowPrecision, f16SumsOfAFewTerms) {
  sweep(12, {"f16", "f32", 64}, withHalfs());
  sweep(8, {"f16", "f16", 24}, withHalfs());
}

// The error that training sees: of the whole, not of the worst element.
TEST(LowPrecision, f16SumsOf64TermsAreCloseEnough) {
  CompiledKernel kernel(dotText("mk", "kc", "mc", {{'m', 60}, {'c', 130}, {'k', 3072}}, {"f16", "f32", 64}),
                        withHalfs());
  ASSERT_TRUE(kernel.ok());
  std::vector<Tensor> operands = kernel.randomOperands(11);
  Tensor got = kernel.results(operands)[0], wanted = kernel.expected(operands)[0];
  double error = 0, size = 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    error += (got[i] - wanted[i]) * (got[i] - wanted[i]);
    size += wanted[i] * wanted[i];
  }
  double relative = std::sqrt(error / size);
  std::printf("relative RMS error at K=3072: %.2e\n", relative);
  EXPECT_LE(relative, 1.5e-3);
  EXPECT_GE(relative, 1e-4) << "not summed in fp16";
}

TEST(LowPrecision, withoutTilesOrSixteenBitArithmetic) {
  for (const char *name : {"x86-64-v3", "x86-64-v4"})
    for (const char *element : {"bf16", "f16"}) {
      sweep(8, {element, "f32"}, *machines::find(name));
      sweep(8, {element, element}, *machines::find(name));
    }
}

/// The machine with a second cache so small that k is cut into rounds, over which sums are kept in scratch.
machines::Machine withSmallCache(machines::Machine machine) {
  machine.l2Bytes = machine.l2Cores * (128 << 10);
  return machine;
}

// Several tasks, blocks that are not full.
void expectSeveralBlocks(const std::string &element, const machines::Machine &machine) {
  for (const std::string &result : {std::string("f32"), element}) {
    expectWithinBound({"mk", "kc", "mc", {{'m', 101}, {'c', 209}, {'k', 1701}}, {element, result}}, machine);
    expectWithinBound({"mk", "ck", "mc", {{'m', 47}, {'c', 331}, {'k', 777}}, {element, result}}, machine);
    expectWithinBound({"km", "kc", "mc", {{'m', 409}, {'c', 130}, {'k', 1323}}, {element, result}}, machine);
    expectWithinBound({"km", "ck", "cm", {{'m', 203}, {'c', 129}, {'k', 1121}}, {element, result}}, machine);
  }
}

TEST(LowPrecision, severalBlocks) {
  expectSeveralBlocks("bf16", machines::detectLocal());
  expectSeveralBlocks("bf16", withTiles());
  expectSeveralBlocks("f16", machines::detectLocal());
  expectSeveralBlocks("bf16", withSmallCache(machines::detectLocal()));
  expectSeveralBlocks("bf16", withSmallCache(withTiles()));
}

/// A product of bf16 with something to do afterwards: `body` computes %r from the product %c and from %x, f32 of the
/// product's shape.
std::string withEpilogue(const std::string &body, const std::string &inplace, const Lengths &lengths) {
  std::string a = typeText("mk", lengths, "bf16"), b = typeText("kc", lengths, "bf16"), c = typeText("mc", lengths);
  return "step.kernel @dot contraction rows [] inplace [" + inplace + "] {\n^bb0(%a: " + a + ", %b: " + b +
         ", %x: " + c + ", %skip: !kinu.tensor<i1>):\n  %c = kinu.dot %a, %b over [\"ax_k\"] : (" + a + ", " + b +
         ") -> " + c + "\n" + std::regex_replace(body, std::regex("T"), c) + "\n  kinu.yield %r : " + c + "\n}\n";
}

void expectEpilogues(const machines::Machine &machine) {
  for (const Lengths &lengths :
       {Lengths{{'m', 70}, {'c', 150}, {'k', 1100}}, Lengths{{'m', 64}, {'c', 96}, {'k', 64}}}) {
    std::string scale = "%p = kinu.mul %c, %x : (T, T) -> T\n%r = kinu.add %p, %x : (T, T) -> T";
    CompiledKernel scaled(withEpilogue(scale, "", lengths), machine);
    ASSERT_TRUE(scaled.ok());
    expectNear(scaled, scaled.randomOperands(1), 1e-4);
    // The product is added to %x in place, or replaces it.
    std::string add = "%z = kinu.constant(0.0) : !kinu.tensor<f32>\n"
                      "%o = kinu.select %skip, %z, %x : (!kinu.tensor<i1>, !kinu.tensor<f32>, T) -> T\n"
                      "%r = kinu.add %c, %o : (T, T) -> T";
    CompiledKernel kernel(withEpilogue(add, "0, 2", lengths), machine);
    ASSERT_TRUE(kernel.ok());
    std::vector<Tensor> operands = kernel.randomOperands(5);
    for (int64_t skip : {0, 1}) {
      operands[3].ints[0] = skip;
      expectNear(kernel, operands, 1e-4);
    }
  }
}

TEST(LowPrecision, epiloguesOfBf16Products) {
  expectEpilogues(machines::detectLocal());
  expectEpilogues(withTiles());
}

} // namespace
