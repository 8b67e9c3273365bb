// The same kernels for other machines: 512-bit SVE code for A64FX (read, not run), AVX2 (run).
#include "KernelRun.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <regex>

using namespace kinu;
using namespace kinu::test;

static const char *const kNorm = R"mlir(
  !x = !kinu.tensor<seq=64, embed=768 : f32>
  !row = !kinu.tensor<seq=64 : f32>
  !gain = !kinu.tensor<embed=768 : f32>
  step.kernel @norm loops rows ["seq"] inplace [] {
  ^bb0(%x: !x, %gain: !gain):
    %x2 = kinu.mul %x, %x : (!x, !x) -> !x
    %sum = kinu.reduce sum %x2 over ["embed"] : (!x) -> !row
    %scale = kinu.sqrt %sum : !row
    %y = kinu.div %x, %scale : (!x, !row) -> !x
    %e = kinu.exp %y : !x
    %z = kinu.mul %e, %gain : (!x, !gain) -> !x
    kinu.yield %z : !x
  })mlir";

// Whole SVE registers, no NEON arithmetic, no calls: the functions are arithmetic too.
TEST(Machines, A64fxUsesSve) {
  std::string assembly = assemblyOf(kNorm, llvm::cantFail(machines::find("fugaku")));
  EXPECT_TRUE(std::regex_search(assembly, std::regex(R"(ld1w\s+\{ z\d+\.s \})"))) << assembly;
  EXPECT_TRUE(std::regex_search(assembly, std::regex(R"((fmla|fmad)\s+z\d+\.s)")));
  EXPECT_TRUE(std::regex_search(assembly, std::regex(R"(st1w\s+\{ z\d+\.s \})")));
  EXPECT_FALSE(std::regex_search(assembly, std::regex(R"(fmla\s+v\d+\.4s)")));
  EXPECT_FALSE(std::regex_search(assembly, std::regex(R"(\n\s+bl\s)")));
}

// 512-bit registers on AVX-512, which LLVM by itself would rather not use.
TEST(Machines, Avx512UsesWholeRegisters) {
  std::string assembly = assemblyOf(kNorm, llvm::cantFail(machines::find("x86-64-v4")));
  EXPECT_TRUE(std::regex_search(assembly, std::regex(R"(vfmadd\d+ps.*%zmm)"))) << assembly;
}

// Eight lanes instead of sixteen give the same results.
TEST(Machines, Avx2GivesTheSame) {
  CompiledKernel kernel(kNorm, llvm::cantFail(machines::find("x86-64-v3")));
  ASSERT_TRUE(kernel.ok());
  expectNear(kernel, kernel.randomOperands(1), 1e-5);
}

// An op that no loop can hold is refused by name.
TEST(Machines, RefusesWhatLoopsCannotHold) {
  mlir::MLIRContext context;
  vectorize::loadDialects(context);
  auto source = mlir::parseSourceString<mlir::ModuleOp>(R"mlir(
    !x = !kinu.tensor<n=4 : f32>
    step.kernel @bad loops rows ["n"] inplace [] {
    ^bb0(%x: !x):
      %y = kinu.cumsum %x over "n" : !x
      kinu.yield %y : !x
    })mlir",
                                                        &context);
  auto lowered = vectorize::lowerKernel(*source->getOps<step::KernelOp>().begin(), machines::detectLocal(), context);
  ASSERT_FALSE(static_cast<bool>(lowered));
  EXPECT_EQ(llvm::toString(lowered.takeError()), "kernel bad: a loops kernel cannot hold kinu.cumsum");
}
