// The code of products of bf16, on AMX tiles and by dot products of pairs, read: that they run is tested with all other
// formats in LowPrecisionTest.
#include "test/vectorize/KernelRun.h"
#include "test/vectorize/gemm/DotText.h"

#include <gtest/gtest.h>

#include <map>

using namespace kinu;
using namespace kinu::test;

namespace {

/// Assembly can be read on machines that have no tiles.
machines::Machine withTiles() {
  machines::Machine machine = *machines::find("x86-64-v4");
  machine.cpu = "sapphirerapids";
  machine.hasAmx = machine.hasBf16 = true;
  machine.l1Bytes = 48 << 10;
  machine.l2Bytes = 2 << 20;
  return machine;
}

/// Every tile that is loaded is multiplied twice, sums are loaded and stored once for a block, and nothing else touches
/// tiles: no spills, no second shape, no calls, after which tiles would have to be set up again. LLVM may unroll.
void expectTightLoops(const std::string &text) {
  SCOPED_TRACE(text);
  std::string assembly = assemblyOf(text, withTiles());
  std::map<std::string, int64_t> count;
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(assembly).split(lines, '\n');
  for (llvm::StringRef line : lines) {
    llvm::StringRef mnemonic = line.trim().split('\t').first;
    ++count[mnemonic.str()];
    if (mnemonic.starts_with("tile"))
      EXPECT_FALSE(line.contains("(%rsp")) << "a tile spills: " << line.str();
  }
  int64_t multiplications = count["tdpbf16ps"], blocks = count["tilestored"] / 4;
  EXPECT_GT(multiplications, 0);
  EXPECT_EQ(multiplications % 4, 0);
  EXPECT_EQ(count["tileloaddt1"], multiplications / 2);
  EXPECT_GT(blocks, 0);
  EXPECT_EQ(count["tilestored"] % 4, 0);
  EXPECT_GE(count["tileloadd"], multiplications / 2);
  EXPECT_LE(count["tileloadd"], multiplications / 2 + 4 * blocks);
  EXPECT_EQ(count["ldtilecfg"], 1);
  EXPECT_EQ(count["callq"], 0);
}

/// Products whose operands lie either way, with results in both formats.
void forAllForms(void (*expect)(const std::string &text)) {
  Lengths lengths{{'m', 512}, {'c', 384}, {'k', 1024}};
  for (const char *lhs : {"mk", "km"})
    for (const char *rhs : {"kc", "ck"})
      for (const char *result : {"f32", "bf16"})
        expect(dotText(lhs, rhs, "mc", lengths, {"bf16", result}));
}

TEST(Bf16Contraction, staysInTiles) { forAllForms(expectTightLoops); }

TEST(Bf16Contraction, staysInTilesAtEdges) {
  expectTightLoops(dotText("mk", "kc", "mc", {{'m', 517}, {'c', 389}, {'k', 1031}}, {"bf16", "f32"}));
  expectTightLoops(
      dotText("bsk", "khd", "bhsd", {{'b', 3}, {'s', 50}, {'k', 700}, {'h', 4}, {'d', 24}}, {"bf16", "bf16"}));
}

/// A machine that has dot products of pairs and no tiles.
machines::Machine withPairs() {
  machines::Machine machine = *machines::find("x86-64-v4");
  machine.cpu = "znver4";
  machine.hasBf16 = true;
  return machine;
}

/// The loops over k are dot products, two loads of the right operand and a broadcast for two of them; sums stay in
/// registers, and there are no calls, which would save them.
void expectDotProducts(const std::string &text) {
  SCOPED_TRACE(text);
  std::string assembly = assemblyOf(text, withPairs());
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(assembly).split(lines, '\n');
  int64_t products = 0, most = 0, withMost = 0, ofLoop = 0, instructions = 0;
  expectNoSpills(assembly);
  for (llvm::StringRef line : lines) {
    if (line.ends_with(":")) {
      ofLoop = instructions = 0;
      continue;
    }
    EXPECT_FALSE(line.contains("callq")) << line.str();
    EXPECT_FALSE(line.contains("vfmadd")) << line.str();
    ++instructions;
    if (!line.contains("vdpbf16ps"))
      continue;
    ++products;
    if (++ofLoop >= most) {
      most = ofLoop;
      withMost = instructions;
    }
  }
  // For each of 32 rows two vectors of columns and 16 pairs of k.
  EXPECT_GT(products, 0);
  EXPECT_EQ(products % (32 * 2 * 16), 0);
  EXPECT_GE(most, 11 * 2 * 16);
  EXPECT_LE(withMost, most + (11 + 2) * most / (11 * 2) + 64);
}

TEST(Bf16Contraction, staysInRegisters) {
  forAllForms(expectDotProducts);
  expectDotProducts(dotText("mk", "kc", "mc", {{'m', 517}, {'c', 389}, {'k', 1031}}, {"bf16", "f32"}));
}

// One step of k leaves no loop, and nothing to hold a panel in registers for.
TEST(Bf16Contraction, staysInRegistersWithFewSums) {
  for (int64_t sums : {1, 21, 32, 33})
    expectNoSpills(
        assemblyOf(dotText("mk", "kc", "mc", {{'m', 64}, {'c', 64}, {'k', sums}}, {"bf16", "f32"}), withPairs()));
}

int64_t countOf(const std::string &assembly, llvm::StringRef mnemonic) {
  return int64_t(llvm::StringRef(assembly).count(mnemonic));
}

// Where rows of the left operand are contiguous, dot products read it in pairs of k, which need not be transposed.
TEST(Bf16Contraction, packsPairsWithoutTransposing) {
  Lengths lengths{{'m', 512}, {'c', 384}, {'k', 1024}};
  EXPECT_EQ(countOf(assemblyOf(dotText("km", "kc", "mc", lengths, {"bf16", "f32"}), withPairs()), "vpermt2d"), 0);
  EXPECT_GT(countOf(assemblyOf(dotText("km", "ck", "mc", lengths, {"bf16", "f32"}), withPairs()), "vpermt2d"), 0);
}

// Where there are neither, the numbers are converted while they are packed.
TEST(Bf16Contraction, asTheMachineMultiplies) {
  std::string text = dotText("mk", "kc", "mc", {{'m', 64}, {'c', 64}, {'k', 64}}, {"bf16", "f32"});
  EXPECT_TRUE(llvm::StringRef(assemblyOf(text, withTiles())).contains("tdpbf16ps"));
  EXPECT_TRUE(llvm::StringRef(assemblyOf(text, withPairs())).contains("vdpbf16ps"));
  EXPECT_FALSE(llvm::StringRef(assemblyOf(text, *machines::find("x86-64-v4"))).contains("dpbf16ps"));
}

} // namespace
