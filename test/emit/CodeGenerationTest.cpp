// Code generation: a vector as wide as the machine's is one register, on both kinds of machine.
#include "compiler/emit/CodeGeneration.h"

#include "test/emit/Kernels.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace kinu;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

static std::string compiled(llvm::StringRef machine, emit::OutputKind kind) {
  emit::test::KernelContext kernels;
  auto module = kernels.parse(emit::test::kSquarePlus);
  return llvm::cantFail(emit::compileKernel(*module, llvm::cantFail(machines::find(machine)), {kind, 3}));
}

TEST(CodeGeneration, sixteenFloatsAreOneZmmRegister) {
  std::string assembly = compiled("x86-64-v4", emit::OutputKind::Assembly);
  EXPECT_THAT(assembly, ContainsRegex("vfmadd[0-9]+ps[^\n]*zmm"));
  EXPECT_THAT(assembly, Not(HasSubstr("ymm")));
}

TEST(CodeGeneration, sixteenFloatsAreTwoYmmRegistersWithoutAvx512) {
  std::string assembly = compiled("x86-64-v3", emit::OutputKind::Assembly);
  EXPECT_THAT(assembly, ContainsRegex("vfmadd[0-9]+ps[^\n]*ymm"));
  EXPECT_THAT(assembly, Not(HasSubstr("zmm")));
}

TEST(CodeGeneration, sixteenFloatsAreOneSveRegisterOnA64fx) {
  std::string assembly = compiled("fugaku", emit::OutputKind::Assembly);
  EXPECT_THAT(assembly, ContainsRegex("fm(la|ad)[^\n]*z[0-9]+\\.s"));
  EXPECT_THAT(assembly, Not(ContainsRegex("fmla[^\n]*v[0-9]+\\.4s")));
}

TEST(CodeGeneration, denormalsAreFlushedAndTheVectorLengthIsKnown) {
  std::string text = compiled("fugaku", emit::OutputKind::LlvmText);
  EXPECT_THAT(text, HasSubstr("vscale_range(4,4)"));
  EXPECT_THAT(text, ContainsRegex("denormal-fp-math\"=\"preserve-sign|denormal_fpenv\\(preservesign"));
}

TEST(CodeGeneration, objectsAreOfTheMachinesArchitecture) {
  // ELF header, e_machine: 62 is x86-64, 183 AArch64.
  EXPECT_EQ(compiled("x86-64-v3", emit::OutputKind::Object)[18], 62);
  EXPECT_EQ(static_cast<unsigned char>(compiled("fugaku", emit::OutputKind::Object)[18]), 183);
}

TEST(CodeGeneration, aMachineWithoutCodeGeneratorIsAnError) {
  emit::test::KernelContext kernels;
  auto module = kernels.parse(emit::test::kSquarePlus);
  machines::Machine machine = llvm::cantFail(machines::find("x86-64-v3"));
  machine.name = "abacus";
  machine.triple = "abacus-unknown-none";
  llvm::Expected<std::string> object = emit::compileKernel(*module, machine);
  ASSERT_FALSE(bool(object));
  EXPECT_THAT(llvm::toString(object.takeError()), HasSubstr("`abacus`"));
}
