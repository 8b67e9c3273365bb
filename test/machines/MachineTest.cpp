// Machine descriptions: the built-in ones are complete, wrong names and files are refused with a reason.
#include "compiler/machines/Machine.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "llvm/ADT/STLExtras.h"

#include <functional>

using namespace kinu::machines;
using testing::HasSubstr;

TEST(Machine, everyKnownNameIsFoundAndCanComputeSomething) {
  for (const std::string &name : knownNames()) {
    llvm::Expected<Machine> machine = find(name);
    ASSERT_TRUE(bool(machine)) << llvm::toString(machine.takeError());
    EXPECT_EQ(machine->name, name);
    EXPECT_GT(machine->peakFlopsPerCore(), 1e9) << name;
    EXPECT_GE(machine->l2Bytes, machine->l1Bytes) << name;
    EXPECT_GT(machine->memoryBytes, 1 << 30) << name;
    EXPECT_EQ(machine->vectorBits % 128, 0) << name;
  }
}

// Node peak 6.14 TF fp32, 158,976 nodes in six axes (Fujitsu A64FX manual, R-CCS).
TEST(Machine, fugakuHasTheFiguresOfItsManual) {
  Machine fugaku = llvm::cantFail(find("fugaku"));
  EXPECT_NEAR(fugaku.peakFlopsPerCore() * double(fugaku.cores), 6.144e12, 1e6);
  EXPECT_EQ(fugaku.vscale(), 4);
  EXPECT_FALSE(fugaku.hasBf16);
  EXPECT_TRUE(fugaku.convertsFp16);
  ASSERT_TRUE(fugaku.network.has_value());
  int64_t nodes = 1;
  for (int64_t length : fugaku.network->axisLengths)
    nodes *= length;
  EXPECT_EQ(nodes, fugaku.network->nodes);
  EXPECT_TRUE(fugaku.network->jobAxesAssumed);
}

TEST(Machine, anUnknownNameListsTheKnownOnes) {
  llvm::Expected<Machine> machine = find("frontier");
  ASSERT_FALSE(bool(machine));
  EXPECT_THAT(llvm::toString(machine.takeError()), testing::AllOf(HasSubstr("`frontier`"), HasSubstr("local, fugaku")));
}

TEST(Machine, anIncompleteDescriptionNamesTheFileAndTheField) {
  llvm::Expected<Machine> machine = parse(R"({"name": "x", "title": "y"})", "x.json");
  ASSERT_FALSE(bool(machine));
  EXPECT_THAT(llvm::toString(machine.takeError()), testing::AllOf(HasSubstr("x.json"), HasSubstr("triple")));
}

TEST(Machine, theFingerprintSeesWhatChangesCodeAndNothingElse) {
  Machine machine = llvm::cantFail(find("fugaku")), same = machine;
  same.name = "mine";
  same.memoryBytes = 1;
  same.frequency = 2.2e9;
  EXPECT_EQ(machine.fingerprint(), same.fingerprint());
  // Tasks are cut for the cores of a memory group; a system may refuse tiles that the processor has.
  std::vector<std::function<void(Machine &)>> changes = {[](Machine &x) { x.vectorBits = 256; },
                                                         [](Machine &x) { x.cores = 12; },
                                                         [](Machine &x) { x.fmaPipes = 1; },
                                                         [](Machine &x) { x.hasAmx = !x.hasAmx; },
                                                         [](Machine &x) { x.hasBf16 = !x.hasBf16; },
                                                         [](Machine &x) { x.hasFp16 = !x.hasFp16; },
                                                         [](Machine &x) { x.convertsFp16 = !x.convertsFp16; }};
  for (auto [number, change] : llvm::enumerate(changes)) {
    Machine other = machine;
    change(other);
    EXPECT_NE(machine.fingerprint(), other.fingerprint()) << "change " << number;
  }
}

TEST(Machine, localIsTheSameEveryTimeItIsAsked) {
  EXPECT_EQ(detectLocal().fingerprint(), detectLocal().fingerprint());
  EXPECT_EQ(detectLocal().frequency, detectLocal().frequency);
}
