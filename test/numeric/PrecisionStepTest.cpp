// Examples, shrunk, in 16 bits: a step of the compiled model against the graph that `precision` leaves, interpreted
// with every rounding that it asks for and none that it does not; and how far that graph is from exact arithmetic.
#include "TwoModels.h"

#include "test/machines/EmulatedMachines.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace kinu;
using namespace kinu::test;

namespace {

using Defines = std::map<std::string, int64_t>;

struct Case {
  const char *name, *example, *precision;
  Defines defines;
  /// Over the tolerances of fp32, 1e-5 of the loss and 1e-4 of each gradient's norm.
  double slack;
  machines::Machine (*machine)() = machines::detectLocal;
};

/// The example's spec with another `precision`, in a file that lives as long as this.
class Spec {
public:
  explicit Spec(const Case &of) {
    llvm::sys::fs::createTemporaryFile("precision", "kinu", path);
    auto source = llvm::MemoryBuffer::getFile(llvm::Twine(KINU_SOURCE_DIR "/examples/") + of.example + "/" +
                                              of.example + ".kinu");
    auto [before, after] = (*source)->getBuffer().split("precision fp32");
    EXPECT_FALSE(after.empty()) << "the example has no line `precision fp32`";
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << before << "precision " << of.precision << after;
  }
  ~Spec() { llvm::sys::fs::remove(path); }
  Spec(const Spec &) = delete;

  std::string file() const { return path.str().str(); }

private:
  llvm::SmallString<128> path;
};

class PrecisionStep : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    machines::Machine machine = GetParam().machine();
    llvm::StringRef precision = GetParam().precision;
    bool has = precision == "bf16" ? machine.hasBf16 : precision == "fp16" ? machine.convertsFp16 : machine.hasFp16;
    if (!has)
      GTEST_SKIP() << "this machine has no " << GetParam().precision;
  }
};

TEST_P(PrecisionStep, LossAndGradientsAreTheReferences) {
  Spec spec(GetParam());
  TwoModels models(spec.file(), GetParam().defines, {.slack = GetParam().slack, .machine = GetParam().machine()});
  ASSERT_TRUE(models.ok());
  models.initializeWeights(1);
  models.accumulate(0);
  EXPECT_LE(models.lossDifference, 1e-4);
  Difference gradients = models.compareGradients(1e-3);
  printf("%s: the loss differs by %.1e, gradients by at most %.1e (%s)\n", GetParam().name, models.lossDifference,
         gradients.relative, gradients.of.c_str());
}

// A step changes what it must, the copies of weights included, and evaluation reads them.
TEST_P(PrecisionStep, WeightsAndCopiesAfterAStep) {
  Spec spec(GetParam());
  TwoModels models(spec.file(), GetParam().defines, {.slack = GetParam().slack, .machine = GetParam().machine()});
  ASSERT_TRUE(models.ok());
  models.drawWeights(2);
  models.accumulate(0);
  models.update(0);
  int64_t copies = 0;
  for (auto &[name, value] : models.reference().allVariables()) {
    if (!llvm::StringRef(name).ends_with(".copy"))
      continue;
    ++copies;
    interpret::Tensor copy = models.model().variable(name);
    interpret::Tensor owner = models.model().variable(llvm::StringRef(name).drop_back(5));
    for (int64_t i = 0; i < copy.size(); ++i)
      ASSERT_EQ(copy[i], interpret::roundTo(mlir::cast<mlir::FloatType>(copy.type.getElement()), owner[i])) << name;
  }
  EXPECT_GT(copies, 3);
  // AdamW may carry a small gradient's rounding far, so evaluation starts from the same weights.
  auto trained = models.reference().allVariables();
  for (auto &[name, value] : trained)
    models.reference().setVariable(name, models.model().variable(name));
  models.runAndCompare("eval");
  models.runAndCompare("generate");
}

const Defines kQuickstart = {{"vocab", 67},  {"width", 32}, {"depth", 2}, {"heads", 2},
                             {"hidden", 45}, {"batch", 4},  {"seq", 16},  {"accumulate", 2}};
const Defines kGpt2 = {{"vocab", 67},   {"width", 48}, {"depth", 2}, {"heads", 3},
                       {"context", 16}, {"batch", 3},  {"seq", 13}};

INSTANTIATE_TEST_SUITE_P(
    All, PrecisionStep,
    testing::Values(Case{"quickstart_bf16", "quickstart", "bf16", kQuickstart, 500},
                    Case{"quickstart_bf16_tiles", "quickstart", "bf16", kQuickstart, 500, withTiles},
                    Case{"quickstart_fp16_safe", "quickstart", "fp16", kQuickstart, 100},
                    Case{"quickstart_fp16_fast", "quickstart", "fp16(fast, promote: 16)", kQuickstart, 200, withHalfs},
                    Case{"gpt2_bf16", "gpt2", "bf16", kGpt2, 500},
                    Case{"gpt2_bf16_tiles", "gpt2", "bf16", kGpt2, 500, withTiles},
                    Case{"gpt2_fp16_safe", "gpt2", "fp16", kGpt2, 50},
                    Case{"gpt2_fp16_fast", "gpt2", "fp16(fast)", kGpt2, 200, withHalfs}),
    [](const auto &info) { return std::string(info.param.name); });

} // namespace
