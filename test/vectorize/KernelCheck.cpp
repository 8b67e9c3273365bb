// Runs every kernel of a module (what `kinu build --stop-after=fuse` writes) on random operands and compares it with
// the reference interpreter: kinu-kernel-check MODULE.
#include "KernelRun.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace kinu;
using namespace kinu::test;

static const char *modulePath;

/// A kernel with its name only: no location, no alias that lives elsewhere in the module.
static std::string textOf(step::KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream(text) << *kernel.getOperation();
  return text;
}

TEST(KernelCheck, AsInterpreted) {
  mlir::MLIRContext context;
  vectorize::loadDialects(context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(modulePath, &context);
  ASSERT_TRUE(module);
  int64_t count = 0;
  for (auto kernel : module->getOps<step::KernelOp>()) {
    // Its logsumexp must be that of its q and k: attention/ has tests of its own.
    if (kernel.getKind() == step::KernelKind::attention_backward)
      continue;
    SCOPED_TRACE(textOf(kernel));
    CompiledKernel compiled(textOf(kernel));
    if (!compiled.ok())
      continue;
    // Ids below 2 are inside every axis. Floats are positive, as second moments are: a square root near 0 would amplify
    // rounding.
    std::vector<interpret::Tensor> operands = compiled.randomOperands(count, 2);
    for (interpret::Tensor &operand : operands)
      for (double &x : operand.floats)
        x = roundedTo(operand.type.getElement(), std::fabs(x) + 0.125);
    expectNear(compiled, operands, 2e-4);
    ++count;
  }
  EXPECT_GT(count, 0) << "no kernels in " << modulePath;
}

int main(int argc, char **argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    llvm::errs() << "usage: kinu-kernel-check MODULE\n";
    return 2;
  }
  modulePath = argv[1];
  return RUN_ALL_TESTS();
}
