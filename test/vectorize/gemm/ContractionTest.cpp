// Contractions of many shapes and layouts against the reference interpreter.
#include "test/vectorize/KernelRun.h"
#include "test/vectorize/gemm/DotText.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

using namespace kinu;
using namespace kinu::test;

namespace {

void compare(const Axes &lhs, const Axes &rhs, const Axes &result, const Lengths &lengths,
             const machines::Machine &machine = machines::detectLocal()) {
  std::string text = dotText(lhs, rhs, result, lengths);
  SCOPED_TRACE(text);
  CompiledKernel kernel(text, machine);
  ASSERT_TRUE(kernel.ok());
  // Sums of up to 777 products from -4 to 4, each rounded once; an element left out or added twice is off by far more.
  expectNear(kernel, kernel.randomOperands(7), 1e-4);
}

TEST(Contraction, everySizeAroundVectorsAndTiles) {
  int64_t sizes[] = {1, 2, 3, 5, 6, 7, 15, 16, 17, 63, 64, 65, 97};
  std::mt19937 random(1);
  auto pick = [&] { return sizes[random() % std::size(sizes)]; };
  const char *layouts[][2] = {{"mk", "kn"}, {"mk", "nk"}, {"km", "kn"}, {"km", "nk"}};
  for (int round = 0; round < 40; ++round)
    compare(layouts[round % 4][0], layouts[round % 4][1], random() % 2 ? "mn" : "nm",
            {{'m', pick()}, {'n', pick()}, {'k', pick()}});
}

TEST(Contraction, severalBlocksOfEveryKind) {
  compare("mk", "kn", "mn", {{'m', 101}, {'n', 209}, {'k', 701}});
  compare("mk", "nk", "mn", {{'m', 47}, {'n', 331}, {'k', 777}});
  compare("km", "kn", "mn", {{'m', 409}, {'n', 130}, {'k', 323}});
  compare("km", "nk", "nm", {{'m', 203}, {'n', 129}, {'k', 521}});
}

// With many columns the left operand is packed, or read in place: rows of any number, k in whole vectors or not, in
// rounds or not.
TEST(Contraction, leftOperandInTiles) {
  for (const machines::Machine &machine : {machines::detectLocal(), *machines::find("x86-64-v4")})
    for (int64_t rows : {1, 5, 15, 130})
      for (int64_t sums : {1, 47, 400}) {
        compare("mk", "kn", "mn", {{'m', rows}, {'n', 300}, {'k', sums}}, machine);
        compare("km", "kn", "mn", {{'m', rows}, {'n', 300}, {'k', sums}}, machine);
      }
  Lengths lengths{{'b', 3}, {'s', 37}, {'h', 5}, {'d', 16}, {'e', 270}};
  compare("bhsd", "hde", "bse", lengths); // k in stretches of whole vectors
  compare("bshd", "dhe", "bse", lengths); // k in another order than in the right operand
  compare("shbd", "hde", "bse", lengths); // rows in runs
  // The left operand lies the other way, in batches and with rows in runs.
  compare("bkm", "bkn", "bmn", {{'b', 3}, {'m', 17}, {'n', 330}, {'k', 23}});
  compare("bks", "kn", "bsn", {{'b', 3}, {'s', 17}, {'n', 330}, {'k', 300}});
}

/// How micro-kernels treat the left operand, by the names of the functions that were made.
struct LeftHandling {
  bool packs = false, fetchesNext = false;
};

LeftHandling handlingOf(const char *lhs, const Lengths &lengths, const char *machine) {
  CompiledKernel kernel(dotText(lhs, "kn", "mn", lengths), *machines::find(machine));
  LeftHandling handling;
  if (kernel.ok())
    kernel.lowered().module.get()->walk([&](mlir::LLVM::LLVMFuncOp function) {
      handling.packs |= function.getName().contains("_packs_");
      handling.fetchesNext |= function.getName().contains("_next");
    });
  return handling;
}

// Where left tiles stay in the first cache and panels pass, the first panel packs a tile for the others, if k is not
// contiguous; if it is, rows to come are fetched.
TEST(Contraction, microKernelsWorkForLaterOnes) {
  Lengths panels{{'m', 2048}, {'n', 3072}, {'k', 512}}, onePanel{{'m', 130}, {'n', 64}, {'k', 400}};
  EXPECT_TRUE(handlingOf("km", panels, "x86-64-v4").packs);
  EXPECT_FALSE(handlingOf("km", onePanel, "x86-64-v4").packs) << "nobody reads it";
  EXPECT_FALSE(handlingOf("mk", panels, "x86-64-v4").packs);
  EXPECT_FALSE(handlingOf("km", panels, "x86-64-v3").packs) << "panels stay, tiles pass";
  EXPECT_TRUE(handlingOf("mk", {{'m', 409}, {'n', 200}, {'k', 323}}, "x86-64-v4").fetchesNext);
  EXPECT_FALSE(handlingOf("km", panels, "x86-64-v4").fetchesNext);
}

TEST(Contraction, staysInRegistersWithAvx512) {
  for (const char *lhs : {"mk", "km"})
    expectNoSpills(
        assemblyOf(dotText(lhs, "kn", "mn", {{'m', 2047}, {'n', 3073}, {'k', 511}}), *machines::find("x86-64-v4")));
}

// Blocks of few rows and columns have several sets of accumulators.
TEST(Contraction, smallBlocks) {
  for (int64_t rows : {1, 3, 7})
    for (int64_t columns : {1, 17, 33})
      for (int64_t sums : {3, 23})
        compare("mk", "kn", "mn", {{'m', rows}, {'n', columns}, {'k', sums}});
}

TEST(Contraction, axesThatNestAndAxesThatDoNot) {
  Lengths lengths{{'b', 3}, {'s', 19}, {'e', 33}, {'h', 4}, {'d', 16}};
  compare("bse", "ehd", "bshd", lengths); // projection to heads
  compare("bse", "ehd", "bhsd", lengths); // heads before positions
  compare("bse", "ehd", "bhds", lengths); // positions last
  compare("bhsd", "hde", "bse", lengths); // back from heads
  compare("bse", "bhsd", "ehd", lengths); // gradient of the weight
  compare("bhsd", "ehd", "bse", lengths); // gradient of the input
  compare("bshd", "edh", "bes", lengths); // heads and lanes in different orders
}

TEST(Contraction, batches) {
  Lengths lengths{{'b', 3}, {'h', 5}, {'q', 17}, {'k', 23}, {'d', 16}};
  compare("bhqd", "bhkd", "bhqk", lengths);
  compare("bqhd", "bkhd", "bhqk", lengths);
  compare("bhqk", "bkhd", "bqhd", lengths);
  compare("bqhd", "bkhd", "qkhb", lengths); // the result's last axis is a batch axis
  compare("bhd", "bhd", "bh", lengths);     // nothing but batch
  compare("hd", "bd", "bh", {{'h', 1}, {'b', 1}, {'d', 3}});
}

TEST(Contraction, onNarrowerVectors) {
  machines::Machine machine = *machines::find("x86-64-v3");
  compare("mk", "kn", "mn", {{'m', 61}, {'n', 67}, {'k', 301}}, machine);
  compare("mk", "nk", "mn", {{'m', 13}, {'n', 97}, {'k', 45}}, machine);
  compare("km", "kn", "mn", {{'m', 50}, {'n', 8}, {'k', 33}}, machine);
  compare("mk", "kn", "mn", {{'m', 61}, {'n', 267}, {'k', 301}}, machine);
  compare("km", "kn", "mn", {{'m', 61}, {'n', 267}, {'k', 301}}, machine);
}

void expectSameBits(const char *lhs) {
  SCOPED_TRACE(lhs);
  CompiledKernel kernel(dotText(lhs, "kn", "mn", {{'m', 130}, {'n', 450}, {'k', 600}}));
  ASSERT_TRUE(kernel.ok());
  std::vector<interpret::Tensor> operands = kernel.randomOperands(3);
  std::vector<float> a(operands[0].floats.begin(), operands[0].floats.end());
  std::vector<float> b(operands[1].floats.begin(), operands[1].floats.end());
  int64_t tasks = kernel.lowered().tasks;
  ASSERT_GE(tasks, 2) << "nothing to split";
  std::vector<float> whole(130 * 450, NAN), parts(130 * 450, NAN);
  void *scratch = std::aligned_alloc(64, size_t((kernel.lowered().scratchBytes + 63) / 64 * 64));
  void *buffers[] = {a.data(), b.data(), whole.data()}, *again[] = {a.data(), b.data(), parts.data()};
  kernel.run(buffers, scratch, 0, tasks);
  for (int64_t part = 5; part-- > 0;)
    kernel.run(again, scratch, tasks * part / 5, tasks * (part + 1) / 5);
  std::free(scratch);
  EXPECT_EQ(whole, parts);
}

// Whoever splits the tasks, every element is computed by one task in one order.
TEST(Contraction, sameBitsHoweverTasksAreSplit) {
  expectSameBits("mk");
  expectSameBits("km");
}

/// The lines of the loop with most multiply-adds in an assembly text: between a label and a branch back to it.
std::vector<std::string> hottestLoop(const std::string &assembly) {
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(assembly).split(lines, '\n');
  std::vector<std::string> best;
  size_t bestCount = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    llvm::StringRef label = lines[i].split(':').first;
    if (!lines[i].starts_with(".LBB") || !lines[i].contains(':'))
      continue;
    size_t count = 0;
    for (size_t j = i + 1; j < lines.size() && !lines[j].starts_with(".LBB"); ++j) {
      count += lines[j].contains("fmla") || lines[j].contains("fmad");
      if (!lines[j].trim().starts_with("b.") || !lines[j].ends_with(label))
        continue;
      if (count > bestCount) {
        bestCount = count;
        best.assign(lines.begin() + long(i) + 1, lines.begin() + long(j) + 1);
      }
      break;
    }
  }
  return best;
}

// Indexed fmla takes two slots and dup has one pipe on A64FX (microarchitecture manual 1.8.1).
void expectInnerLoopOfA64FX(const char *lhs, const DotFormat &format, llvm::StringRef lanes) {
  Lengths lengths{{'m', 96}, {'n', 256}, {'k', 512}};
  auto loop = hottestLoop(assemblyOf(dotText(lhs, "kn", "mn", lengths, format), *machines::find("fugaku")));
  int64_t multiplyAdds = 0;
  for (const std::string &text : loop) {
    llvm::StringRef line = llvm::StringRef(text).trim();
    EXPECT_FALSE(line.starts_with("dup") || line.starts_with("mov\tz")) << text;
    EXPECT_FALSE(line.contains("[sp")) << "spills: " << text;
    EXPECT_FALSE(line.starts_with("fcvt")) << "takes the slot of a multiply-add: " << text;
    if (!line.starts_with("fmla") && !line.starts_with("fmad"))
      continue;
    ++multiplyAdds;
    EXPECT_TRUE(line.contains(lanes)) << "not on full SVE vectors: " << text;
    EXPECT_FALSE(line.ends_with("]")) << "indexed: " << text;
  }
  EXPECT_EQ(multiplyAdds, 6 * 4 * 4) << "four steps of a block of 6 rows by 4 vectors";
  EXPECT_LE(int64_t(loop.size()), 4 * 48) << "more than the decoder takes in the time of the multiply-adds";
}

TEST(Contraction, innerLoopOnA64FX) {
  for (const char *lhs : {"mk", "km"}) {
    expectInnerLoopOfA64FX(lhs, {}, ".s, p");
    expectInnerLoopOfA64FX(lhs, {"f16", "f32"}, ".s, p"); // converted before
    expectInnerLoopOfA64FX(lhs, {"f16", "f32", 64}, ".h, p");
  }
}

} // namespace
