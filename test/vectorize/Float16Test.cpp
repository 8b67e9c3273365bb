// 16-bit floats in memory: loads are exact, stores round to the nearest, ties to even, and arithmetic is on f32.
#include "KernelRun.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <regex>

using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

/// `text` with every `F` replaced by the format.
static std::string inFormat(std::string text, const std::string &format) {
  std::string result;
  for (char c : text)
    result += c == 'F' ? format : std::string(1, c);
  return result;
}

static const char *const kFormats[] = {"bf16", "f16"};
static const char *const kMachines[] = {"local", "x86-64-v4", "x86-64-v3"};

// A chain between 16-bit tensors, with an operand that has fewer axes and a result in f32.
static const char *const kChain = R"mlir(
  !h = !kinu.tensor<a=5, b=$ : F>
  !x = !kinu.tensor<a=5, b=$ : f32>
  !b = !kinu.tensor<b=$ : F>
  !w = !kinu.tensor<b=$ : f32>
  step.kernel @k loops rows ["a", "b"] inplace [] {
  ^bb0(%h: !h, %b: !b, %x: !x):
    %0 = kinu.cast %h : (!h) -> !x
    %1 = kinu.cast %b : (!b) -> !w
    %2 = kinu.add %0, %1 : (!x, !w) -> !x
    %3 = kinu.cast %2 : (!x) -> !h
    %4 = kinu.cast %3 : (!h) -> !x
    %5 = kinu.mul %4, %x : (!x, !x) -> !x
    kinu.yield %3, %5 : !h, !x
  })mlir";

TEST(Float16, ElementwiseOnEveryMachine) {
  for (const char *format : kFormats)
    for (const char *machine : kMachines)
      for (int64_t n : {1, 3, 16, 17, 63, 100}) {
        SCOPED_TRACE(std::string(format) + " " + machine + " " + std::to_string(n));
        CompiledKernel kernel(inFormat(sized(kChain, n), format), llvm::cantFail(machines::find(machine)));
        ASSERT_TRUE(kernel.ok());
        expectNear(kernel, kernel.randomOperands(n), 2e-7);
      }
}

// A norm that reads and writes 16 bits: sums are in f32.
TEST(Float16, ReductionsAddInFp32) {
  for (const char *format : kFormats)
    for (int64_t n : {3, 64, 1000})
      expectAsInterpreted(inFormat(sized(R"mlir(
        !h = !kinu.tensor<a=6, b=$ : F>
        !x = !kinu.tensor<a=6, b=$ : f32>
        !r = !kinu.tensor<a=6 : f32>
        step.kernel @k loops rows ["a"] inplace [] {
        ^bb0(%h: !h):
          %0 = kinu.cast %h : (!h) -> !x
          %1 = kinu.mul %0, %0 : (!x, !x) -> !x
          %2 = kinu.reduce sum %1 over ["b"] : (!x) -> !r
          kinu.yield %2 : !r
        })mlir",
                                         n),
                                   format),
                          2e-6);
}

// A lookup of 16-bit rows, a transposition, and the kinds of kernel that have code of their own.
TEST(Float16, LookupsAndTranspositions) {
  for (const char *format : kFormats)
    for (int64_t n : {1, 5, 16, 33})
      expectAsInterpreted(inFormat(sized(R"mlir(
        !t = !kinu.tensor<row=4, b=$ : F>
        !i = !kinu.tensor<a=7 : i64>
        !h = !kinu.tensor<a=7, b=$ : F>
        !y = !kinu.tensor<b=$, a=7 : F>
        step.kernel @k loops rows ["a", "b"] inplace [] {
        ^bb0(%t: !t, %i: !i):
          %0 = kinu.lookup %t ["row"] at %i : (!t, !i) -> !h
          %1 = kinu.broadcast %0 : (!h) -> !y
          kinu.yield %0, %1 : !h, !y
        })mlir",
                                         n),
                                   format),
                          0);
}

TEST(Float16, ScatterReadsSixteenBits) {
  for (const char *format : kFormats)
    expectAsInterpreted(inFormat(R"mlir(
      !h = !kinu.tensor<a=40, b=33 : F>
      !i = !kinu.tensor<a=40 : i64>
      !y = !kinu.tensor<row=4, b=33 : f32>
      step.kernel @k scatter rows [] inplace [] {
      ^bb0(%h: !h, %i: !i):
        %0 = kinu.scatter %h over ["a"] to ["row"] at %i : (!h, !i) -> !y
        kinu.yield %0 : !y
      })mlir",
                                 format));
}

TEST(Float16, TopReadsSixteenBits) {
  for (const char *format : kFormats)
    expectAsInterpreted(inFormat(R"mlir(
      !h = !kinu.tensor<a=9, expert=8 : F>
      !y = !kinu.tensor<a=9, pick=3 : i64>
      step.kernel @k top rows [] inplace [] {
      ^bb0(%h: !h):
        %0 = kinu.top %h over "expert" as "pick" : (!h) -> !y
        kinu.yield %0 : !y
      })mlir",
                                 format));
}

// The rounding itself: ties, the largest numbers, infinities and NaN, where conversions are instructions and where not.
TEST(Float16, RoundsToNearestEven) {
  struct Number {
    const char *format;
    double from, to;
  };
  double infinity = std::numeric_limits<double>::infinity();
  const Number numbers[] = {{"bf16", 1 + 1.0 / 256, 1},
                            {"bf16", 1 + 3.0 / 256, 1 + 4.0 / 256},
                            {"bf16", -1 - 1.5 / 256, -1 - 2.0 / 256},
                            {"bf16", 3.3895314e38, 3.3895314e38},
                            {"bf16", 3.4e38, infinity},
                            {"bf16", -infinity, -infinity},
                            {"f16", 1 + 1.0 / 2048, 1},
                            {"f16", 1 + 3.0 / 2048, 1 + 4.0 / 2048},
                            {"f16", 65519, 65504},
                            {"f16", 65520, infinity},
                            {"f16", -infinity, -infinity},
                            {"f16", 1e-4, 0x1.a38p-14}};
  for (const char *machine : kMachines)
    for (const char *format : kFormats) {
      CompiledKernel kernel(inFormat(R"mlir(
        !x = !kinu.tensor<a=16 : f32>
        !h = !kinu.tensor<a=16 : F>
        step.kernel @k loops rows ["a"] inplace [] {
        ^bb0(%x: !x):
          %0 = kinu.cast %x : (!x) -> !h
          kinu.yield %0 : !h
        })mlir",
                                     format),
                            llvm::cantFail(machines::find(machine)));
      ASSERT_TRUE(kernel.ok());
      std::vector<Tensor> operands = kernel.randomOperands(1);
      operands[0].floats.assign(16, std::numeric_limits<double>::quiet_NaN());
      size_t count = 0;
      for (const Number &number : numbers)
        if (format == std::string(number.format))
          operands[0].floats[count++] = number.from;
      Tensor got = kernel.results(operands)[0];
      count = 0;
      for (const Number &number : numbers)
        if (format == std::string(number.format)) {
          auto type = mlir::cast<mlir::FloatType>(got.type.getElement());
          double to = interpret::roundTo(type, static_cast<float>(number.to));
          EXPECT_EQ(got.floats[count++], to) << machine << " " << format << " " << number.from;
          EXPECT_EQ(interpret::roundTo(type, static_cast<float>(number.from)), to) << "in the interpreter";
        }
      for (; count < 16; ++count)
        EXPECT_TRUE(std::isnan(got.floats[count])) << machine << " " << format;
    }
}

// One instruction each way for a vector of f32 on machines that have it.
TEST(Float16, ConversionsAreInstructions) {
  std::string avx512 = assemblyOf(inFormat(sized(kChain, 64), "f16"), llvm::cantFail(machines::find("x86-64-v4")));
  EXPECT_TRUE(std::regex_search(avx512, std::regex("vcvtph2ps.*%zmm"))) << avx512;
  EXPECT_TRUE(std::regex_search(avx512, std::regex("vcvtps2ph.*%zmm")));
  EXPECT_FALSE(std::regex_search(avx512, std::regex("\tcall")));
  std::string a64fx = assemblyOf(inFormat(sized(kChain, 64), "f16"), llvm::cantFail(machines::find("fugaku")));
  EXPECT_TRUE(std::regex_search(a64fx, std::regex(R"(fcvt\s+z\d+\.s, p\d+/m, z\d+\.h)"))) << a64fx;
  EXPECT_FALSE(std::regex_search(a64fx, std::regex(R"(\n\s+bl\s)")));
  machines::Machine bf16 = llvm::cantFail(machines::find("x86-64-v4"));
  bf16.cpu = "sapphirerapids";
  bf16.hasBf16 = true;
  std::string native = assemblyOf(inFormat(sized(kChain, 64), "bf16"), bf16);
  EXPECT_TRUE(std::regex_search(native, std::regex("vcvtneps2bf16.*%zmm"))) << native;
}
