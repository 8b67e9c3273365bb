// What collectives under way use is nobody else's, whatever places values have.
#include "compiler/allocate/UnderWay.h"

#include "dialects/tofu/Tofu.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::allocate;

namespace {

const char *kProgram = R"(
!x = !kinu.tensor<seq=64 : f32>
kinu.program @micro {
  %a = kinu.input "a" : !x
  %sum = tofu.all_reduce async sum %a on ["data"] : !x
  %b = kinu.input "b" : !x
  %c = step.launch @f(%b) "c" : (!x) -> !x
  %t = tofu.wait %sum with %a : !x, !x
  %d = step.launch @f(%t) "d" : (!x) -> !x
  kinu.output "d", %d : !x
}
step.kernel @f loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  kinu.yield %x : !x
})";

/// What is said of the program if a, sum, b and c lie at these bytes, and d at that of c; 256 bytes each.
std::string complaint(int64_t a, int64_t sum, int64_t b, int64_t c) {
  MLIRContext context;
  context.loadDialect<KinuDialect, step::StepDialect, tofu::TofuDialect>();
  std::string said;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { said = diagnostic.str(); });
  auto module = parseSourceString<ModuleOp>(kProgram, &context);
  auto program = module->lookupSymbol<ProgramOp>("micro");
  auto placeOf = [&](Value value) -> Place {
    Operation *op = value.getDefiningOp();
    if (auto input = dyn_cast<InputOp>(op))
      return {input.getName() == "a" ? a : b, 256};
    return {isa<step::LaunchOp>(op) ? c : sum, 256};
  };
  EXPECT_EQ(succeeded(checkUnderWay(program, placeOf)), said.empty());
  return said;
}

TEST(UnderWay, NobodyTouchesWhatIsReceived) {
  EXPECT_EQ(complaint(0, 256, 512, 768), "");
  EXPECT_NE(complaint(0, 256, 512, 256).find("writes to memory that tofu.all_reduce is using"), std::string::npos);
  EXPECT_NE(complaint(0, 256, 384, 768).find("reads memory that tofu.all_reduce is using"), std::string::npos);
}

TEST(UnderWay, NobodyWritesWhatIsSentButReadingIsFine) {
  EXPECT_NE(complaint(0, 256, 512, 128).find("writes to memory that tofu.all_reduce is using"), std::string::npos);
  EXPECT_EQ(complaint(0, 256, 0, 768), "");
}

TEST(UnderWay, ASumIsInPlaceOrApart) {
  EXPECT_EQ(complaint(0, 0, 512, 768), "");
  EXPECT_NE(complaint(0, 128, 512, 768).find("receives where it sends from"), std::string::npos);
}

} // namespace
