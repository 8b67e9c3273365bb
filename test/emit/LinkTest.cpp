// Tables and linking: a program written by hand is linked with a small runtime and prints what it should.
#include "compiler/emit/CodeGeneration.h"
#include "compiler/emit/Executable.h"

#include "test/emit/Kernels.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdlib>

using namespace kinu;
using testing::HasSubstr;

namespace {
class LinkTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("kinu-link-test", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  /// One kernel launched twice, the second time on the first one's result.
  static emit::Executable twoLaunches() {
    emit::Executable executable;
    executable.kernels = {{"square_plus", "x*x + x", 1, 0, 32, 128}};
    executable.programs = {{"first", {{0, {4, 64}, "a"}, {0, {64, 128}, "b"}}}, {"second", {{0, {0, 128}, "a"}}}};
    executable.arenaBytes = 192;
    executable.manifest = R"({"model":"toy"})";
    return executable;
  }

  std::string file(llvm::StringRef name) { return (folder + "/" + name).str(); }

  llvm::SmallString<128> folder;
  emit::LinkOptions options{KINU_TEST_RUNTIME};
};
} // namespace

TEST_F(LinkTest, theExecutableRunsItsLaunchesInOrder) {
  machines::Machine machine = machines::detectLocal();
  emit::test::KernelContext kernels;
  auto module = kernels.parse(emit::test::kSquarePlus);
  std::string object = llvm::cantFail(emit::compileKernel(*module, machine));
  llvm::Error error = emit::linkExecutable({object}, twoLaunches(), machine, file("toy"), options);
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));

  std::string printed = file("printed");
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, llvm::StringRef(printed), std::nullopt};
  std::string program = file("toy");
  ASSERT_EQ(llvm::sys::ExecuteAndWait(program, {program}, std::nullopt, redirects), 0);
  // The arena holds 1, 2, 3, ...: 2*2+2 = 6, 6*6+6 = 42, 1*1+1 = 2.
  EXPECT_EQ((*llvm::MemoryBuffer::getFile(printed))->getBuffer(), "{\"model\":\"toy\"} arena 192\n"
                                                                  "first: a (x*x + x) = 6\n"
                                                                  "first: b (x*x + x) = 42\n"
                                                                  "second: a (x*x + x) = 2\n");
}

// The runtime and every library it needs are found in the arm64 sysroot, and the result starts: far enough to find
// that this manifest is not one.
TEST_F(LinkTest, theExecutableForA64fxStartsUnderEmulation) {
  const char *sysroot = std::getenv("KINU_SYSROOT");
  if (!sysroot || !llvm::sys::fs::exists(llvm::Twine(sysroot) + "/complete"))
    GTEST_SKIP() << "KINU_SYSROOT names no arm64 sysroot: runtime/sysroot/make.sh makes one";
  machines::Machine fugaku = llvm::cantFail(machines::find("fugaku"));
  emit::test::KernelContext kernels;
  auto module = kernels.parse(emit::test::kSquarePlus);
  std::string object = llvm::cantFail(emit::compileKernel(*module, fugaku));
  llvm::Error error = emit::linkExecutable({object}, twoLaunches(), fugaku, file("toy"));
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));

  std::string printed = file("printed"), program = file("toy");
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, llvm::StringRef(printed), llvm::StringRef(printed)};
  std::string emulator = llvm::cantFail(llvm::errorOrToExpected(llvm::sys::findProgramByName("qemu-aarch64")));
  llvm::sys::ExecuteAndWait(emulator, {"qemu-aarch64", "-cpu", "a64fx", "-L", sysroot, program}, std::nullopt,
                            redirects);
  EXPECT_THAT((*llvm::MemoryBuffer::getFile(printed))->getBuffer().str(), HasSubstr("the executable's manifest"));
}

TEST_F(LinkTest, aKernelThatNobodyDefinesIsReportedInTheLinkersWords) {
  std::string message =
      llvm::toString(emit::linkExecutable({}, twoLaunches(), machines::detectLocal(), file("toy"), options));
  EXPECT_THAT(message, testing::AllOf(HasSubstr("undefined symbol: square_plus"), HasSubstr("clang++-22 ")));
}

TEST_F(LinkTest, aLaunchOfAKernelThatIsNotThereIsRefused) {
  emit::Executable executable = twoLaunches();
  executable.programs[1].launches[0].kernel = 1;
  std::string message =
      llvm::toString(emit::linkExecutable({}, executable, machines::detectLocal(), file("toy"), options));
  EXPECT_THAT(message, HasSubstr("program second launches kernel 1 of 1"));
}

TEST_F(LinkTest, aMissingRuntimeSaysWhereItWasSought) {
  std::string message = llvm::toString(
      emit::linkExecutable({}, twoLaunches(), machines::detectLocal(), file("toy"), {folder.str().str()}));
  EXPECT_THAT(message, testing::AllOf(HasSubstr("libKinuRuntime.a"), HasSubstr("KINU_RUNTIME_DIR")));
}

TEST_F(LinkTest, aMissingSysrootNamesTheScriptThatMakesIt) {
  std::string empty = file("nowhere");
  setenv("KINU_SYSROOT", empty.c_str(), 1);
  machines::Machine fugaku = llvm::cantFail(machines::find("fugaku"));
  std::string message = llvm::toString(emit::linkExecutable({}, twoLaunches(), fugaku, file("toy"), options));
  EXPECT_THAT(message, testing::AllOf(HasSubstr(empty), HasSubstr("runtime/sysroot/make.sh")));
}
