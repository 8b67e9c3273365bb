// Kernels compiled and run in the test's own process.
#include "test/vectorize/JitKernel.h"

#include "compiler/emit/CodeGeneration.h"

#include "mlir/Parser/Parser.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>

using namespace kinu;
using namespace kinu::test;

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
}

static constexpr unsigned char kCanary = 0xA5;

GuardedBuffer::GuardedBuffer(int64_t size) : bytes(size + 2 * kGuard, kCanary) {}

bool GuardedBuffer::intact() const {
  auto untouched = [](unsigned char byte) { return byte == kCanary; };
  return std::all_of(bytes.begin(), bytes.begin() + kGuard, untouched) &&
         std::all_of(bytes.end() - kGuard, bytes.end(), untouched);
}

/// Stops the test: a kernel that does not compile leaves nothing to compare.
static void check(llvm::Error error) {
  if (!error)
    return;
  llvm::errs() << llvm::toString(std::move(error)) << "\n";
  std::abort();
}

template <typename T> static T check(llvm::Expected<T> value) {
  check(value.takeError());
  return std::move(*value);
}

namespace {
/// A kernel in LLVM's dialect with the context that it lives in.
struct LoweredText {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> parsed;
  vectorize::Lowered lowered;
  std::string name;
};
} // namespace

static std::unique_ptr<LoweredText> lower(const std::string &text, const machines::Machine &machine) {
  auto result = std::make_unique<LoweredText>();
  vectorize::loadDialects(result->context);
  result->parsed = mlir::parseSourceString<mlir::ModuleOp>(text, &result->context);
  if (!result->parsed)
    std::abort();
  auto kernel = *result->parsed->getOps<step::KernelOp>().begin();
  result->name = kernel.getSymName().str();
  result->lowered = check(vectorize::lowerContraction(kernel, machine));
  return result;
}

JitKernel::JitKernel(const std::string &text, const machines::Machine &machine) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  std::unique_ptr<LoweredText> kernel = lower(text, machine);
  tasks = kernel->lowered.tasks;
  scratchBytes = kernel->lowered.scratchBytes;
  operations = kernel->lowered.operations;
  bytes = kernel->lowered.bytes;
  std::string object = check(emit::compileKernel(*kernel->lowered.module, machine));
  jit = check(llvm::orc::LLJITBuilder().create());
  check(jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object)));
  function = check(jit->lookup(kernel->name)).toPtr<decltype(function)>();
}

JitKernel::~JitKernel() = default;

void JitKernel::run(std::vector<void *> buffers, int64_t begin, int64_t end) {
  size_t size = size_t((scratchBytes + 63) / 64 * 64 + 64);
  auto *scratch = static_cast<unsigned char *>(std::aligned_alloc(64, size));
  std::memset(scratch, 0xFF, size_t(scratchBytes)); // NaN in every float
  std::memset(scratch + scratchBytes, kCanary, size - size_t(scratchBytes));
  function(buffers.data(), scratch, begin, end);
  bool inside = std::all_of(scratch + scratchBytes, scratch + size, [](unsigned char byte) { return byte == kCanary; });
  std::free(scratch);
  if (!inside) {
    llvm::errs() << "the kernel wrote past its scratch\n";
    std::abort();
  }
}

void JitKernel::runAll(std::vector<void *> buffers, int64_t parts) {
  for (int64_t part = parts; part-- > 0;)
    run(buffers, tasks * part / parts, tasks * (part + 1) / parts);
}

std::string kinu::test::assemblyOf(const std::string &text, const machines::Machine &machine) {
  std::unique_ptr<LoweredText> kernel = lower(text, machine);
  return check(emit::compileKernel(*kernel->lowered.module, machine, {emit::OutputKind::Assembly, 3}));
}
