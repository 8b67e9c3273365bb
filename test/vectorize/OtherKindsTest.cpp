// scatter, cumsum and top kernels against the interpreter.
#include "KernelRun.h"

#include <gtest/gtest.h>

#include <limits>

using namespace kinu::test;
using kinu::interpret::Tensor;

static const int64_t kLengths[] = {1, 3, 16, 17, 63, 100, 300};

// The gradient of an embedding: rows added where ids say, several to one place; places without an id are zero.
TEST(Scatter, AddsRows) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !x = !kinu.tensor<batch=3, seq=5, embed=$ : f32>
      !ids = !kinu.tensor<batch=3, seq=5 : i64>
      !w = !kinu.tensor<"token"=6, embed=$ : f32>
      step.kernel @k scatter rows [] inplace [] {
      ^bb0(%x: !x, %ids: !ids):
        %0 = kinu.scatter %x over ["batch", "seq"] to ["token"] at %ids : (!x, !ids) -> !w
        kinu.yield %0 : !w
      })mlir",
                              n));
}

// The same, added to another gradient, apart from it or over it.
TEST(Scatter, AddsRowsToAnOperand) {
  for (const char *inplace : {"", "0, 2"})
    for (int64_t n : kLengths)
      expectAsInterpreted(sized(std::string(R"mlir(
        !x = !kinu.tensor<batch=3, seq=5, embed=$ : f32>
        !ids = !kinu.tensor<batch=3, seq=5 : i64>
        !w = !kinu.tensor<"token"=6, embed=$ : f32>
        step.kernel @k scatter rows [] inplace [)mlir") +
                                    inplace + R"mlir(] {
        ^bb0(%x: !x, %ids: !ids, %w: !w):
          %0 = kinu.scatter %x over ["batch", "seq"] to ["token"] at %ids : (!x, !ids) -> !w
          %1 = kinu.add %w, %0 : (!w, !w) -> !w
          kinu.yield %1 : !w
        })mlir",
                                n));
}

// Experts' queues: two indices, an axis that operand and indices share, and elements that are dropped.
TEST(Scatter, DropsWhatLiesOutside) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !x = !kinu.tensor<batch=2, seq=9, embed=$ : f32>
      !ids = !kinu.tensor<batch=2, seq=9, choice=2 : i64>
      !y = !kinu.tensor<batch=2, expert=4, slot=3, embed=$ : f32>
      step.kernel @k scatter rows [] inplace [] {
      ^bb0(%x: !x, %expert: !ids, %slot: !ids):
        %0 = kinu.scatter %x over ["seq", "choice"] to ["expert", "slot"] at %expert, %slot drop : (!x, !ids, !ids) -> !y
        kinu.yield %0 : !y
      })mlir",
                              n));
}

// Without an axis to keep there is one task, which counts ints.
TEST(Scatter, WithoutRest) {
  expectAsInterpreted(R"mlir(
    !x = !kinu.tensor<n=40 : i64>
    !y = !kinu.tensor<bin=4 : i64>
    step.kernel @k scatter rows [] inplace [] {
    ^bb0(%x: !x, %ids: !x):
      %0 = kinu.scatter %x over ["n"] to ["bin"] at %ids : (!x, !x) -> !y
      kinu.yield %0 : !y
    })mlir");
}

// Running sums along an outer axis (by vectors) and the last one, forwards and backwards.
TEST(CumSum, AlongEitherAxis) {
  for (int64_t n : kLengths)
    for (const char *over : {"seq", "expert"})
      for (const char *reverse : {"", "reverse"})
        expectAsInterpreted(sized(std::string(R"mlir(
          !x = !kinu.tensor<batch=3, seq=7, expert=$ : i64>
          step.kernel @k cumsum rows [] inplace [] {
          ^bb0(%x: !x):
            %0 = kinu.cumsum %x over ")mlir") +
                                      over + "\" " + (*reverse ? "reverse " : "") + R"mlir(: !x
            kinu.yield %0 : !x
          })mlir",
                                  n));
}

// The largest first; ties by the lower index; the operand's axis need not be last.
TEST(Top, LargestFirst) {
  expectAsInterpreted(R"mlir(
    !x = !kinu.tensor<batch=5, expert=8, seq=3 : f32>
    !y = !kinu.tensor<batch=5, seq=3, choice=3 : i64>
    step.kernel @k top rows [] inplace [] {
    ^bb0(%x: !x):
      %0 = kinu.top %x over "expert" as "choice" : (!x) -> !y
      kinu.yield %0 : !y
    })mlir");
}

TEST(Top, TiesAndInfinities) {
  CompiledKernel kernel(R"mlir(
    !x = !kinu.tensor<expert=6 : f32>
    !y = !kinu.tensor<choice=6 : i64>
    step.kernel @k top rows [] inplace [] {
    ^bb0(%x: !x):
      %0 = kinu.top %x over "expert" as "choice" : (!x) -> !y
      kinu.yield %0 : !y
    })mlir");
  ASSERT_TRUE(kernel.ok());
  double infinity = std::numeric_limits<double>::infinity();
  Tensor operand(kernel.randomOperands(0)[0].type, std::vector<double>{1, -infinity, infinity, 1, infinity, -infinity});
  EXPECT_EQ(kernel.results({operand})[0].ints, (std::vector<int64_t>{2, 4, 0, 3, 1, 5}));
}
