// Cycles of blocks against hand-computed ones, and what is read out of assembly.
#include "compiler/report/Cycles.h"

#include <gtest/gtest.h>

using namespace kinu;
using namespace kinu::report;

static std::unique_ptr<Assembly> parse(const std::string &text, const std::string &machine) {
  return llvm::cantFail(Assembly::parse(text, llvm::cantFail(machines::find(machine))));
}

static double cycles(const std::string &text, const std::string &name) {
  machines::Machine machine = llvm::cantFail(machines::find(name));
  machines::Timing timing = llvm::cantFail(machines::findTiming(name));
  auto code = parse(text, name);
  EXPECT_EQ(code->blocks.size(), 1u);
  return cyclesOf(*code, code->blocks[0], machine, timing);
}

/// Multiply-adds to z0 ... z(count - 1).
static std::string fmla(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += "fmla z" + std::to_string(i) + ".s, p0/m, z30.s, z31.s\n";
  return text;
}

// Two pipes; a multiply-add takes 9 cycles, so 18 of them hide each other.
TEST(Cycles, a64fxMultiplyAddsByItsModel) {
  EXPECT_NEAR(cycles(fmla(24), "fugaku"), 12, 0.1);
  EXPECT_NEAR(cycles(fmla(18), "fugaku"), 9, 0.1);
  EXPECT_NEAR(cycles(fmla(4), "fugaku"), 9, 0.1) << "waits for itself";
}

// Four instructions are handed on per cycle, where LLVM's own model has six.
TEST(Cycles, a64fxHandsOnFourInstructions) {
  std::string moves;
  for (int i = 0; i < 24; ++i)
    moves += "nop\n";
  EXPECT_NEAR(cycles(moves, "fugaku"), 6, 0.1);
}

TEST(Cycles, limitsPerCycle) {
  auto repeat = [](const std::string &line, int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += line + "\n";
    return text;
  };
  EXPECT_EQ(cycles(repeat("vfmadd231ps %zmm0, %zmm1, %zmm2", 8), "x86-64-v4"), 4) << "two pipes";
  EXPECT_EQ(cycles(repeat("vmovups (%rdi), %zmm0", 8), "x86-64-v4"), 4) << "two loads";
  EXPECT_EQ(cycles(repeat("vmovups %zmm0, (%rdi)", 8), "x86-64-v4"), 8) << "one store";
  EXPECT_EQ(cycles(repeat("addq $1, %rax", 8), "x86-64-v4"), 2) << "four instructions";
  EXPECT_EQ(cycles(repeat("vdivps %zmm0, %zmm1, %zmm2", 2), "x86-64-v4"), 16) << "16 cycles on one of two pipes";
  EXPECT_EQ(cycles("vfmadd231ps (%rdi), %zmm1, %zmm2\nvmovups (%rdi), %zmm0\n", "x86-64-v4"), 1);
}

TEST(Assembly, blocksSpillsAndRegistersAreRead) {
  auto code = parse(R"(
kernel:
.Lfunc_begin0:
	.file 1 "/" "kernel"
	.loc 1 1 1
	vmovups %zmm3, 64(%rsp)                 # 64-byte Spill
	xorl %eax, %eax
.LBB0_1:
.Ltmp0:
	.loc 1 2 1
	vfmadd231ps (%rdi,%rax), %zmm1, %zmm2
	vaddps %ymm2, %ymm4, %ymm4
	vmovups 64(%rsp), %zmm3                 # 64-byte Reload
	.loc 1 0 1
	addq $64, %rax
	.loc 1 2 1
	cmpq $4096, %rax
	jne .LBB0_1
	.loc 1 3 1
	retq
)",
                    "x86-64-v4");
  ASSERT_EQ(code->blocks.size(), 3u);
  EXPECT_EQ(code->blocks[0].number, 1u);
  EXPECT_TRUE(code->blocks[0].instructions[0].spills);
  EXPECT_FALSE(code->blocks[0].loops);
  const MachineBlock &loop = code->blocks[1];
  EXPECT_EQ(loop.number, 2u);
  EXPECT_TRUE(loop.loops);
  EXPECT_EQ(loop.instructions.size(), 6u);
  EXPECT_EQ(llvm::count_if(loop.instructions, [](const MachineInstruction &op) { return op.spills; }), 1);
  EXPECT_EQ(countVectorRegisters(*code, loop), 4) << "1, 2, 3 and 4";
  EXPECT_EQ(code->blocks[2].number, 3u);
}

TEST(Assembly, whatIsNoAssemblyIsRefused) {
  auto code = Assembly::parse("\tvfrobnicate %zmm0\n", llvm::cantFail(machines::find("x86-64-v4")));
  ASSERT_FALSE(bool(code));
  EXPECT_NE(llvm::toString(code.takeError()).find("vfrobnicate"), std::string::npos);
}
