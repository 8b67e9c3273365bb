// Kernels as they are compiled: what is counted from memory of earlier loops is what walking every block counts, and a
// walk finds every operand and result.
#include "compiler/emit/CodeGeneration.h"
#include "compiler/report/ControlFlow.h"
#include "compiler/vectorize/Vectorize.h"
#include "test/vectorize/attention/AttentionKernels.h"
#include "test/vectorize/gemm/DotText.h"

#include "mlir/Parser/Parser.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <gtest/gtest.h>

#include <set>

using namespace kinu;
using namespace kinu::report;
using namespace kinu::test;

namespace {

void expectSame(const ControlFlowCounts &got, const ControlFlowCounts &wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  double runs = 0;
  for (size_t block = 0; block < got.size(); ++block) {
    EXPECT_EQ(got[block].runs, wanted[block].runs) << "block " << block;
    EXPECT_EQ(got[block].entries, wanted[block].entries) << "block " << block;
    runs += wanted[block].runs;
  }
  EXPECT_GT(runs, 0);
}

/// All tasks at once, each by itself, and all again. The first `buffers` operands and results are touched; others may
/// be by gathers and scatters only, which are not followed.
void expectCounted(const std::string &text, const char *machineName, int64_t buffers) {
  SCOPED_TRACE(std::string(machineName) + "\n" + text);
  machines::Machine machine = llvm::cantFail(machines::find(machineName));
  mlir::MLIRContext context;
  vectorize::loadDialects(context);
  auto source = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(source);
  step::KernelOp op = *source->getOps<step::KernelOp>().begin();
  auto lowered = llvm::cantFail(vectorize::lowerKernel(op, machine, context));
  emit::Listing listing = llvm::cantFail(emit::listKernel(*lowered.module, machine));
  llvm::LLVMContext llvmContext;
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(listing.ir, diagnostic, llvmContext);
  ASSERT_TRUE(module) << diagnostic.getMessage().str();
  ControlFlow flow(*module->getFunction(op.getSymName()), machine.vscale());
  std::set<int64_t> touched;
  auto touch = [&](unsigned, int64_t, llvm::ArrayRef<MemoryAccess> accesses) {
    for (const MemoryAccess &access : accesses)
      touched.insert(access.address / kBufferSpan - 1);
  };
  auto walked = [&](int64_t begin, int64_t end) { return llvm::cantFail(flow.run(begin, end, touch)); };
  auto counted = [&](int64_t begin, int64_t end) { return llvm::cantFail(flow.run(begin, end)); };
  expectSame(counted(0, lowered.tasks), walked(0, lowered.tasks));
  for (int64_t task = 0; task < lowered.tasks; ++task)
    expectSame(counted(task, task + 1), walked(task, task + 1));
  expectSame(counted(0, lowered.tasks), walked(0, lowered.tasks));
  for (int64_t buffer = 0; buffer < buffers; ++buffer)
    EXPECT_TRUE(touched.count(buffer)) << "buffer " << buffer;
}

const char *const kMachines[] = {"x86-64-v3", "x86-64-v4", "fugaku"};

TEST(RealKernels, productsWithEdges) {
  Lengths lengths{{'m', 517}, {'c', 389}, {'k', 1031}};
  for (const char *machine : kMachines) {
    expectCounted(dotText("mk", "kc", "mc", lengths, {}), machine, 3);
    expectCounted(dotText("km", "ck", "mc", lengths, {"bf16", "f32"}), machine, 3);
    expectCounted(dotText("mk", "kc", "mc", {{'m', 3}, {'c', 1000}, {'k', 77}}, {}), machine, 3);
    expectCounted(dotText("mk", "kc", "mc", {{'m', 1}, {'c', 16}, {'k', 64}}, {}), machine, 3);
  }
}

TEST(RealKernels, attention) {
  AttentionCase c{{{'g', 1}, {'r', 2}, {'s', 300}, {'t', 300}, {'d', 16}},
                  "sgrd",
                  "tgd",
                  "tgd",
                  "sgrd",
                  "d",
                  slidingWindow(100).score,
                  slidingWindow(100).backward};
  for (const char *machine : kMachines) {
    expectCounted(forwardText(c), machine, 4);
    expectCounted(backwardText(c), machine, 4);
  }
}

} // namespace
