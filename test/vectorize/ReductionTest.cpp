// Kernels with reductions: norms, softmax, sums along rows and columns, optimizer updates.
#include "KernelRun.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace kinu::test;

static const int64_t kLengths[] = {1, 3, 16, 17, 63, 100, 300};

static const char *const kLayerNorm = R"mlir(
  !x = !kinu.tensor<batch=2, seq=5, embed=$ : f32>
  !row = !kinu.tensor<batch=2, seq=5 : f32>
  !gain = !kinu.tensor<embed=$ : f32>
  !s = !kinu.tensor<f32>
  step.kernel @k loops rows ["batch", "seq"] inplace [] {
  ^bb0(%x: !x, %residual: !x, %gain: !gain, %bias: !gain):
    %h = kinu.add %x, %residual : (!x, !x) -> !x
    %n = kinu.constant($.0) : !s
    %sum = kinu.reduce sum %h over ["embed"] : (!x) -> !row
    %mean = kinu.div %sum, %n : (!row, !s) -> !row
    %d = kinu.sub %h, %mean : (!x, !row) -> !x
    %d2 = kinu.mul %d, %d : (!x, !x) -> !x
    %v = kinu.reduce sum %d2 over ["embed"] : (!x) -> !row
    %var = kinu.div %v, %n : (!row, !s) -> !row
    %eps = kinu.constant(1.0e-5) : !s
    %e = kinu.add %var, %eps : (!row, !s) -> !row
    %sd = kinu.sqrt %e : !row
    %y = kinu.div %d, %sd : (!x, !row) -> !x
    %g = kinu.mul %y, %gain : (!x, !gain) -> !x
    %r = kinu.add %g, %bias : (!x, !gain) -> !x
    kinu.yield %h, %r, %mean : !x, !x, !row
  })mlir";

// Two dependent reductions and three results: with inner axes, early and late, and without.
TEST(Reduction, LayerNormWithResidual) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(kLayerNorm, n), n == 1 ? 1e-3 : 2e-5); // of one element, the deviation is only epsilon's
}

static const char *const kSoftmax = R"mlir(
  !x = !kinu.tensor<q=7, k=$ : f32>
  !mask = !kinu.tensor<q=7, k=$ : i1>
  !row = !kinu.tensor<q=7 : f32>
  !row_bool = !kinu.tensor<q=7 : i1>
  !q = !kinu.tensor<q=7 : i64>
  !k = !kinu.tensor<k=$ : i64>
  !s = !kinu.tensor<f32>
  step.kernel @k loops rows ["q"] inplace [0, 0] {
  ^bb0(%x: !x):
    %q = kinu.index : !q
    %k = kinu.index : !k
    %lowest = kinu.constant(0xFFF0000000000000 : f64) : !s
    %zero = kinu.constant(0.0) : !s
    %one = kinu.constant(1.0) : !s
    %allowed = kinu.compare lt %k, %q : (!k, !q) -> !mask
    %t = kinu.select %allowed, %x, %lowest : (!mask, !x, !s) -> !x
    %max = kinu.reduce max %t over ["k"] : (!x) -> !row
    %alive = kinu.compare gt %max, %lowest : (!row, !s) -> !row_bool
    %shift = kinu.select %alive, %max, %zero : (!row_bool, !row, !s) -> !row
    %d = kinu.sub %t, %shift : (!x, !row) -> !x
    %e = kinu.exp %d : !x
    %sum = kinu.reduce sum %e over ["k"] : (!x) -> !row
    %safe = kinu.select %alive, %sum, %one : (!row_bool, !row, !s) -> !row
    %p = kinu.div %e, %safe : (!x, !row) -> !x
    kinu.yield %p : !x
  })mlir";

// Softmax in place, a row of which (q = 0) is masked everywhere and gives zeros.
TEST(Reduction, MaskedSoftmaxInPlace) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(kSoftmax, n));
}

// Along columns: a bias gradient beside the gradient of a gelu-like chain; vectors lie along the row axis.
TEST(Reduction, Columns) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !x = !kinu.tensor<batch=3, seq=7, ffn=$ : f32>
      !column = !kinu.tensor<ffn=$ : f32>
      step.kernel @k loops rows ["ffn"] inplace [1, 0] {
      ^bb0(%x: !x, %dy: !x):
        %t = kinu.tanh %x : !x
        %dx = kinu.chain %dy, %t : (!x, !x) -> !x
        %db = kinu.reduce sum %dx over ["batch", "seq"] : (!x) -> !column
        %top = kinu.reduce max %dy over ["batch", "seq"] : (!x) -> !column
        kinu.yield %db, %dx, %top : !column, !x, !column
      })mlir",
                              n),
                        1e-5);
}

// Sums of rows that are looked up: what the next row looks up depends on the axis of the sum, too.
TEST(Reduction, BagsOfRows) {
  for (int64_t n : {16, 128, 300, 1024})
    expectAsInterpreted(sized(R"mlir(
      !table = !kinu.tensor<token=5, embed=$ : f32>
      !bag = !kinu.tensor<seq=40, k=3 : i64>
      !x = !kinu.tensor<seq=40, k=3, embed=$ : f32>
      !sum = !kinu.tensor<seq=40, embed=$ : f32>
      step.kernel @k loops rows ["seq", "embed"] inplace [] {
      ^bb0(%t: !table, %i: !bag):
        %x = kinu.lookup %t ["token"] at %i : (!table, !bag) -> !x
        %r = kinu.reduce sum %x over ["k"] : (!x) -> !sum
        kinu.yield %r : !sum
      })mlir",
                              n));
}

// More columns than the sums of which stay in the first cache: rows are read in pieces, several at once, the next ones
// fetched; seven rows leave a rest.
TEST(Reduction, PiecesOfColumns) {
  std::string text = R"mlir(
    !x = !kinu.tensor<batch=2, seq=7, token=$ : f32>
    !row = !kinu.tensor<batch=2, seq=7 : f32>
    !column = !kinu.tensor<token=$ : f32>
    step.kernel @k loops rows ["token"] inplace [] {
    ^bb0(%x: !x, %row: !row):
      %p = kinu.mul %x, %row : (!x, !row) -> !x
      %r = kinu.reduce sum %p over ["batch", "seq"] : (!x) -> !column
      kinu.yield %r : !column
    })mlir";
  for (int64_t n : {4096, 9000, 8209})
    expectAsInterpreted(sized(text, n));
  EXPECT_NE(assemblyOf(sized(text, 9000), *kinu::machines::find("x86-64-v4")).find("prefetch"), std::string::npos);
}

// To a scalar, over axes that are not in one order, of floats, ints and bools.
TEST(Reduction, ToScalar) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !x = !kinu.tensor<a=5, b=$ : f32>
      !y = !kinu.tensor<b=$, a=5 : f32>
      !int = !kinu.tensor<a=5, b=$ : i64>
      !bool = !kinu.tensor<a=5, b=$ : i1>
      !s = !kinu.tensor<f32>
      !s_int = !kinu.tensor<i64>
      step.kernel @k loops rows [] inplace [] {
      ^bb0(%x: !x, %y: !y, %i: !int, %b: !bool):
        %p = kinu.mul %x, %y : (!x, !y) -> !x
        %0 = kinu.reduce sum %p over ["a", "b"] : (!x) -> !s
        %1 = kinu.reduce min %x over ["a", "b"] : (!x) -> !s
        %2 = kinu.reduce max %i over ["a", "b"] : (!int) -> !s_int
        %c = kinu.to_int %b : (!bool) -> !int
        %3 = kinu.reduce sum %c over ["a", "b"] : (!int) -> !s_int
        kinu.yield %0, %1, %2, %3 : !s, !s, !s_int, !s_int
      })mlir",
                              n),
                        1e-5);
}

// Exponentials of which a later pass wants those of the next row, and those of columns: they are not what was kept.
TEST(Reduction, DearValuesOfOtherRows) {
  for (int64_t n : {5, 37, 64}) {
    expectAsInterpreted(sized(R"mlir(
      !x = !kinu.tensor<seq=6, embed=$ : f32>
      !s = !kinu.tensor<seq=6 : f32>
      !i = !kinu.tensor<seq=6 : i64>
      !c = !kinu.tensor<i64>
      step.kernel @k loops rows ["seq"] inplace [] {
      ^bb0(%x: !x):
        %e = kinu.exp %x : !x
        %sum = kinu.reduce sum %e over ["embed"] : (!x) -> !s
        %seq = kinu.index : !i
        %one = kinu.constant(1 : i64) : !c
        %j = kinu.add %seq, %one : (!i, !c) -> !i
        %next = kinu.lookup %e ["seq"] at %j else 0.0 : (!x, !i) -> !x
        %p = kinu.div %next, %sum : (!x, !s) -> !x
        kinu.yield %p : !x
      })mlir",
                              n));
    expectAsInterpreted(sized(R"mlir(
      !x = !kinu.tensor<row=$, a=$ : f32>
      !s = !kinu.tensor<row=$ : f32>
      !t = !kinu.tensor<a=$, row=$ : f32>
      !m = !kinu.tensor<tmp=$, a=$ : f32>
      !n = !kinu.tensor<tmp=$, row=$ : f32>
      step.kernel @k loops rows ["row"] inplace [] {
      ^bb0(%x: !x):
        %e = kinu.exp %x : !x
        %sum = kinu.reduce sum %e over ["a"] : (!x) -> !s
        %1 = kinu.rename %e "row" to "tmp" : (!x) -> !m
        %2 = kinu.rename %1 "a" to "row" : (!m) -> !n
        %3 = kinu.rename %2 "tmp" to "a" : (!n) -> !t
        %p = kinu.div %3, %sum : (!t, !s) -> !x
        kinu.yield %p : !x
      })mlir",
                              n));
  }
}

// Large enough for several tasks, which share nothing; rows of one element less than whole vectors.
TEST(Reduction, SeveralTasks) {
  CompiledKernel kernel(R"mlir(
    !x = !kinu.tensor<n=513, m=127 : f32>
    !row = !kinu.tensor<n=513 : f32>
    step.kernel @k loops rows ["n"] inplace [] {
    ^bb0(%x: !x):
      %e = kinu.exp %x : !x
      %s = kinu.reduce sum %e over ["m"] : (!x) -> !row
      %p = kinu.div %e, %s : (!x, !row) -> !x
      kinu.yield %p, %s : !x, !row
    })mlir");
  ASSERT_TRUE(kernel.ok());
  EXPECT_GE(kernel.lowered().tasks, 8);
  expectNear(kernel, kernel.randomOperands(3), 1e-5);
}

// A NaN reaches its own element, masked rows and other rows stay clean.
TEST(Reduction, NanStaysInItsRow) {
  CompiledKernel kernel(sized(kSoftmax, 63));
  ASSERT_TRUE(kernel.ok());
  auto operands = kernel.randomOperands(5);
  operands[0].floats[5 * 63 + 2] = std::numeric_limits<double>::quiet_NaN();
  auto results = kernel.results(operands);
  for (int64_t i = 0; i < 7 * 63; ++i)
    EXPECT_EQ(std::isnan(results[0].floats[i]), i == 5 * 63 + 2) << "element " << i;
}

// AdamW in place over three axes that become one, cut into tasks with a rest.
TEST(Reduction, AdamW) {
  CompiledKernel kernel(R"mlir(
    !w = !kinu.tensor<embed=99, head=7, dim=33 : f32>
    !s = !kinu.tensor<f32>
    step.kernel @k loops rows ["embed", "head", "dim"] inplace [0, 0, 1, 1, 2, 2] {
    ^bb0(%w: !w, %m: !w, %v: !w, %g: !w, %lr: !s):
      %b1 = kinu.constant(0.9) : !s
      %a1 = kinu.constant(0.1) : !s
      %b2 = kinu.constant(0.95) : !s
      %a2 = kinu.constant(0.05) : !s
      %eps = kinu.constant(1.0e-8) : !s
      %m0 = kinu.mul %m, %b1 : (!w, !s) -> !w
      %g1 = kinu.mul %g, %a1 : (!w, !s) -> !w
      %m1 = kinu.add %m0, %g1 : (!w, !w) -> !w
      %v0 = kinu.abs %v : !w
      %v1 = kinu.mul %v0, %b2 : (!w, !s) -> !w
      %g2 = kinu.mul %g, %g : (!w, !w) -> !w
      %g3 = kinu.mul %g2, %a2 : (!w, !s) -> !w
      %v2 = kinu.add %v1, %g3 : (!w, !w) -> !w
      %r = kinu.sqrt %v2 : !w
      %d = kinu.add %r, %eps : (!w, !s) -> !w
      %u = kinu.div %m1, %d : (!w, !w) -> !w
      %step = kinu.mul %u, %lr : (!w, !s) -> !w
      %w1 = kinu.sub %w, %step : (!w, !w) -> !w
      kinu.yield %w1, %m1, %v2 : !w, !w, !w
    })mlir");
  ASSERT_TRUE(kernel.ok());
  EXPECT_GE(kernel.lowered().tasks, 8);
  expectNear(kernel, kernel.randomOperands(7), 1e-5);
}

// Results that take the memory of each other's operands: everything is read before anything is written.
TEST(Reduction, SwapsInPlace) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !x = !kinu.tensor<a=3, b=$ : f32>
      step.kernel @k loops rows ["a", "b"] inplace [0, 0, 1, 1] {
      ^bb0(%x: !x, %y: !x):
        %0 = kinu.neg %y : !x
        %1 = kinu.abs %x : !x
        kinu.yield %0, %1 : !x, !x
      })mlir",
                              n));
}
