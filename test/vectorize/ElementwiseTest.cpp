// Elementwise kernels, changes of axes and lookups, against the interpreter, for lengths around a vector's.
#include "KernelRun.h"

#include <gtest/gtest.h>

using namespace kinu::test;

static const int64_t kLengths[] = {1, 3, 16, 17, 63, 100};

// Operands broadcast by name, whatever axes they have.
TEST(Elementwise, BroadcastsByName) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !a_b = !kinu.tensor<a=5, b=$ : f32>
      !b = !kinu.tensor<b=$ : f32>
      !a = !kinu.tensor<a=5 : f32>
      !scalar = !kinu.tensor<f32>
      step.kernel @k loops rows ["a", "b"] inplace [] {
      ^bb0(%x: !a_b, %y: !b, %z: !a, %s: !scalar):
        %0 = kinu.add %x, %y : (!a_b, !b) -> !a_b
        %1 = kinu.mul %0, %z : (!a_b, !a) -> !a_b
        %2 = kinu.sub %s, %1 : (!scalar, !a_b) -> !a_b
        %3 = kinu.div %2, %y : (!a_b, !b) -> !a_b
        kinu.yield %2, %3 : !a_b, !a_b
      })mlir",
                              n));
}

// Rows divided by numbers whose reciprocals are subnormal or too large for fp32.
TEST(Elementwise, RowsOverTinyAndHugeNumbers) {
  CompiledKernel kernel(R"mlir(
      !a_b = !kinu.tensor<a=3, b=40 : f32>
      !a = !kinu.tensor<a=3 : f32>
      step.kernel @k loops rows ["a", "b"] inplace [] {
      ^bb0(%x: !a_b, %y: !a):
        %0 = kinu.div %x, %y : (!a_b, !a) -> !a_b
        kinu.yield %0 : !a_b
      })mlir");
  ASSERT_TRUE(kernel.ok());
  std::vector<kinu::interpret::Tensor> operands = kernel.randomOperands(1);
  std::fill(operands[0].floats.begin(), operands[0].floats.begin() + 40, 0.0);
  for (size_t i = 80; i < 120; ++i)
    operands[0].floats[i] *= 0x1p126;
  operands[1].floats = {0x1p-130, -0x1p-130, 0x1p127};
  std::vector<kinu::interpret::Tensor> results = kernel.results(operands);
  for (int64_t i = 0; i < 120; ++i) {
    double wanted = operands[0][i] / operands[1][i / 40];
    EXPECT_EQ(results[0][i], std::abs(wanted) >= 0x1p128 ? std::copysign(INFINITY, wanted) : wanted) << "element " << i;
  }
}

// A result in another order than its operand is stored where its type says.
TEST(Elementwise, Transposes) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !a_b = !kinu.tensor<a=7, b=$ : f32>
      !b_a = !kinu.tensor<b=$, a=7 : f32>
      step.kernel @k loops rows ["a", "b"] inplace [] {
      ^bb0(%x: !a_b):
        %0 = kinu.neg %x : !a_b
        %1 = kinu.broadcast %0 : (!a_b) -> !b_a
        kinu.yield %1 : !b_a
      })mlir",
                              n));
}

// Masks from indices, bools in memory, selects, and ints that are divided rounding down.
TEST(Elementwise, MasksAndInts) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !q_k = !kinu.tensor<q=6, k=$ : f32>
      !k_bool = !kinu.tensor<k=$ : i1>
      !q_k_int = !kinu.tensor<q=6, k=$ : i64>
      !q_int = !kinu.tensor<q=6 : i64>
      !k_int = !kinu.tensor<k=$ : i64>
      !q_k_bool = !kinu.tensor<q=6, k=$ : i1>
      !scalar = !kinu.tensor<f32>
      !scalar_int = !kinu.tensor<i64>
      step.kernel @k loops rows ["q", "k"] inplace [] {
      ^bb0(%x: !q_k, %m: !k_bool, %i: !q_k_int):
        %q = kinu.index : !q_int
        %k = kinu.index : !k_int
        %c = kinu.compare le %k, %q : (!k_int, !q_int) -> !q_k_bool
        %b = kinu.and %c, %m : (!q_k_bool, !k_bool) -> !q_k_bool
        %z = kinu.constant(-3.5) : !scalar
        %0 = kinu.select %b, %x, %z : (!q_k_bool, !q_k, !scalar) -> !q_k
        %d = kinu.sub %q, %k : (!q_int, !k_int) -> !q_k_int
        %three = kinu.constant(3 : i64) : !scalar_int
        %f = kinu.floordiv %d, %three : (!q_k_int, !scalar_int) -> !q_k_int
        %r = kinu.mod %d, %i : (!q_k_int, !q_k_int) -> !q_k_int
        %t = kinu.to_int %x : (!q_k) -> !q_k_int
        %tf = kinu.to_float %f : (!q_k_int) -> !q_k
        %bf = kinu.to_float %b : (!q_k_bool) -> !q_k
        kinu.yield %0, %b, %f, %r, %t, %tf, %bf : !q_k, !q_k_bool, !q_k_int, !q_k_int, !q_k_int, !q_k, !q_k
      })mlir",
                              n));
}

// Rotary embedding: split, slice, concatenate and join in one kernel, for halves of whole vectors and of others.
TEST(Elementwise, Rotary) {
  for (int64_t half : {1, 3, 16, 17, 32})
    expectAsInterpreted(sized(R"mlir(
      !seq_dim = !kinu.tensor<seq=5, dim=# : f32>
      !seq_half = !kinu.tensor<seq=5, half=$ : f32>
      !seq_side_half = !kinu.tensor<seq=5, side=2, half=$ : f32>
      step.kernel @k loops rows ["seq", "dim"] inplace [] {
      ^bb0(%x: !seq_dim, %cos: !seq_half, %sin: !seq_half):
        %l = kinu.slice %x "dim" from 0 as "half" : (!seq_dim) -> !seq_half
        %r = kinu.slice %x "dim" from $ as "half" : (!seq_dim) -> !seq_half
        %0 = kinu.mul %l, %cos : (!seq_half, !seq_half) -> !seq_half
        %1 = kinu.mul %r, %sin : (!seq_half, !seq_half) -> !seq_half
        %2 = kinu.sub %0, %1 : (!seq_half, !seq_half) -> !seq_half
        %3 = kinu.split %x "dim" into ["side", "half"] : (!seq_dim) -> !seq_side_half
        %4 = kinu.join %3 ["side", "half"] into "dim" : (!seq_side_half) -> !seq_dim
        %5 = kinu.concat %2, %r along ["half", "half"] as "dim" : (!seq_half, !seq_half) -> !seq_dim
        %6 = kinu.pad %l "half" at 0 as "dim" : (!seq_half) -> !seq_dim
        %7 = kinu.pad %r "half" at $ as "dim" : (!seq_half) -> !seq_dim
        %8 = kinu.add %6, %7 : (!seq_dim, !seq_dim) -> !seq_dim
        kinu.yield %4, %5, %8 : !seq_dim, !seq_dim, !seq_dim
      })mlir",
                              half));
}

// Lookups: whole rows by an id, single elements by ids along the vector axis, and ids out of range with a default.
TEST(Elementwise, Lookups) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !token_embed = !kinu.tensor<"token"=4, embed=$ : f32>
      !seq_int = !kinu.tensor<seq=9 : i64>
      !position_embed = !kinu.tensor<position=12, embed=$ : f32>
      !embed_int = !kinu.tensor<embed=$ : i64>
      !seq_embed = !kinu.tensor<seq=9, embed=$ : f32>
      !embed = !kinu.tensor<embed=$ : f32>
      !scalar_int = !kinu.tensor<i64>
      step.kernel @k loops rows ["seq", "embed"] inplace [] {
      ^bb0(%w: !token_embed, %i: !seq_int, %p: !position_embed, %j: !embed_int):
        %0 = kinu.lookup %w ["token"] at %i : (!token_embed, !seq_int) -> !seq_embed
        %s = kinu.index : !seq_int
        %1 = kinu.lookup %p ["position"] at %s : (!position_embed, !seq_int) -> !seq_embed
        %2 = kinu.add %0, %1 : (!seq_embed, !seq_embed) -> !seq_embed
        %3 = kinu.lookup %w ["token"] at %j : (!token_embed, !embed_int) -> !embed
        %4 = kinu.add %2, %3 : (!seq_embed, !embed) -> !seq_embed
        %two = kinu.constant(2 : i64) : !scalar_int
        %far = kinu.sub %j, %two : (!embed_int, !scalar_int) -> !embed_int
        %5 = kinu.lookup %w ["token"] at %far else 7.5 : (!token_embed, !embed_int) -> !embed
        %6 = kinu.add %4, %5 : (!seq_embed, !embed) -> !seq_embed
        %low = kinu.sub %i, %two : (!seq_int, !scalar_int) -> !seq_int
        %7 = kinu.lookup %w ["token"] at %low else 1.5 : (!token_embed, !seq_int) -> !seq_embed
        kinu.yield %6, %7 : !seq_embed, !seq_embed
      })mlir",
                              n));
}

// Random numbers are those of runtime/Philox.h, whatever the order of axes in memory; `batch` counts globally.
TEST(Elementwise, RandomNumbers) {
  for (int64_t n : kLengths)
    expectAsInterpreted(sized(R"mlir(
      !scalar_int = !kinu.tensor<i64>
      !seq_batch_dim = !kinu.tensor<seq=3, batch=2, dim=$ : f32>
      step.kernel @k loops rows ["seq", "batch", "dim"] inplace [] {
      ^bb0(%seed: !scalar_int, %step: !scalar_int, %offset: !scalar_int, %round: !scalar_int):
        %0 = kinu.random 123456789123 of 8 (%seed, %step, %offset, %round) : (!scalar_int, !scalar_int, !scalar_int, !scalar_int) -> !seq_batch_dim
        kinu.yield %0 : !seq_batch_dim
      })mlir",
                              n),
                        0);
}

// Behind a concatenation, an axis of the same name is longer than the one that indices of lookups have.
TEST(Elementwise, LookupsBelowAConcatenation) {
  for (int64_t n : {16, 64, 300})
    expectAsInterpreted(sized(R"mlir(
      !ids = !kinu.tensor<seq=5 : i64>
      !table = !kinu.tensor<token=4, embed=$ : f32>
      !part = !kinu.tensor<seq=5, embed=$ : f32>
      !whole = !kinu.tensor<seq=10, embed=$ : f32>
      step.kernel @k loops rows ["seq", "embed"] inplace [] {
      ^bb0(%t: !table, %i: !ids, %j: !ids):
        %x = kinu.lookup %t ["token"] at %i : (!table, !ids) -> !part
        %y = kinu.lookup %t ["token"] at %j : (!table, !ids) -> !part
        %r = kinu.concat %x, %y along ["seq", "seq"] as "seq" : (!part, !part) -> !whole
        kinu.yield %r : !whole
      })mlir",
                              n));
}
