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

static const char *const kSoftmax = R"mlir(
  !x = !kinu.tensor<seq=64, embed=768 : f32>
  !row = !kinu.tensor<seq=64 : f32>
  step.kernel @softmax loops rows ["seq"] inplace [] {
  ^bb0(%x: !x):
    %max = kinu.reduce max %x over ["embed"] : (!x) -> !row
    %d = kinu.sub %x, %max : (!x, !row) -> !x
    %e = kinu.exp %d : !x
    %sum = kinu.reduce sum %e over ["embed"] : (!x) -> !row
    %p = kinu.div %e, %sum : (!x, !row) -> !x
    kinu.yield %p : !x
  })mlir";

static const char *const kAdamW = R"mlir(
  !w = !kinu.tensor<embed=4096 : f32>
  !s = !kinu.tensor<f32>
  step.kernel @adamw loops rows ["embed"] inplace [0, 0] {
  ^bb0(%w: !w, %m: !w, %v: !w, %eps: !s):
    %r = kinu.sqrt %v : !w
    %d = kinu.add %r, %eps : (!w, !s) -> !w
    %u = kinu.div %m, %d : (!w, !w) -> !w
    %n = kinu.sub %w, %u : (!w, !w) -> !w
    kinu.yield %n : !w
  })mlir";

static const char *const kGelu = R"mlir(
  !x = !kinu.tensor<embed=4096 : f32>
  step.kernel @gelu loops rows ["embed"] inplace [] {
  ^bb0(%x: !x):
    %t = kinu.tanh %x : !x
    %y = kinu.mul %x, %t : (!x, !x) -> !x
    kinu.yield %y : !x
  })mlir";

// A64FX stalls for 98 cycles on a division or square root: none is left, of vectors or of scalars.
TEST(Machines, A64fxDividesByEstimates) {
  for (const char *text : {kNorm, kSoftmax, kAdamW, kGelu}) {
    std::string assembly = assemblyOf(text, llvm::cantFail(machines::find("fugaku")));
    EXPECT_FALSE(std::regex_search(assembly, std::regex(R"(\sf(div|divr|sqrt)\s)"))) << assembly;
    EXPECT_TRUE(std::regex_search(assembly, std::regex(R"(\sfrecps\s)"))) << assembly;
  }
  std::string adamw = assemblyOf(kAdamW, llvm::cantFail(machines::find("fugaku")));
  EXPECT_TRUE(std::regex_search(adamw, std::regex(R"(frsqrts\s+z\d+\.s)"))) << adamw;
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
