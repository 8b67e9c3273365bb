#include "CompiledModel.h"

#include "TensorMemory.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sys/mman.h>

using namespace mlir;
using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

namespace {
/// Zeroed memory, rounded up to a cache line, that ends where a page begins that must not be touched.
class GuardedMemory {
public:
  explicit GuardedMemory(size_t bytes) : mapped((bytes + kPage - 1) / kPage * kPage + 2 * kPage) {
    base = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base, kPage, PROT_NONE);
    mprotect(base + mapped - kPage, kPage, PROT_NONE);
    start = base + mapped - kPage - (bytes + 63) / 64 * 64;
  }
  ~GuardedMemory() { munmap(base, mapped); }
  GuardedMemory(const GuardedMemory &) = delete;

  char *start;

private:
  static constexpr size_t kPage = 65536;
  size_t mapped;
  char *base;
};

using Kernel = void (*)(void *const *, void *, int64_t, int64_t);
} // namespace

struct CompiledModel::Session {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  emit::Executable tables;
  std::vector<Kernel> kernels;
  std::unique_ptr<GuardedMemory> arena, scratch;
  int64_t scratchBytes = 0;
};

static llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> link(ArrayRef<std::string> objects) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  for (const std::string &object : objects)
    if (llvm::Error error = (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object)))
      return std::move(error);
  return jit;
}

CompiledModel::CompiledModel(ModuleOp module, const machines::Machine &machine) : module(module) {
  auto compiled = compileLaunches(module, machine, 0);
  if (!compiled) {
    ADD_FAILURE() << llvm::toString(compiled.takeError());
    return;
  }
  auto jit = link(compiled->objects);
  if (!jit) {
    ADD_FAILURE() << llvm::toString(jit.takeError());
    return;
  }
  session = std::make_unique<Session>();
  session->jit = std::move(*jit);
  session->tables = std::move(compiled->tables);
  for (const emit::ExecutableKernel &kernel : session->tables.kernels) {
    session->kernels.push_back(llvm::cantFail(session->jit->lookup(kernel.symbol)).toPtr<Kernel>());
    session->scratchBytes = std::max(session->scratchBytes, kernel.scratchBytes);
  }
  session->arena = std::make_unique<GuardedMemory>(session->tables.arenaBytes);
  session->scratch = std::make_unique<GuardedMemory>(session->scratchBytes);
}

CompiledModel::~CompiledModel() = default;

char *CompiledModel::place(Operation *op) const {
  return session->arena->start + op->getAttrOfType<IntegerAttr>("kinu.offset").getInt();
}

void CompiledModel::setVariable(StringRef name, const Tensor &value) {
  auto variable = module.lookupSymbol<VariableOp>(name);
  storeTensor(place(variable), value.reordered(cast<NamedTensorType>(variable.getType())));
}

Tensor CompiledModel::variable(StringRef name) const {
  auto variable = module.lookupSymbol<VariableOp>(name);
  return loadTensor(place(variable), cast<NamedTensorType>(variable.getType()));
}

std::string CompiledModel::variableBytes() const {
  std::string bytes;
  for (VariableOp variable : module.getOps<VariableOp>())
    bytes.append(place(variable), bytesOf(cast<NamedTensorType>(variable.getType())));
  return bytes;
}

void CompiledModel::poison() {
  std::vector<std::pair<VariableOp, std::string>> kept;
  for (VariableOp variable : module.getOps<VariableOp>())
    kept.emplace_back(variable, std::string(place(variable), bytesOf(cast<NamedTensorType>(variable.getType()))));
  std::memset(session->arena->start, 0xFF, session->tables.arenaBytes);
  for (auto &[variable, bytes] : kept)
    std::memcpy(place(variable), bytes.data(), bytes.size());
}

void CompiledModel::run(StringRef name, const std::map<std::string, Tensor> &inputs, TaskOrder order) {
  poison();
  for (InputOp input : module.lookupSymbol<ProgramOp>(name).getOps<InputOp>()) {
    auto found = inputs.find(input.getName().str());
    if (found == inputs.end())
      FAIL() << name.str() << " reads " << input.getName().str() << ", which is not set";
    storeTensor(place(input), found->second.reordered(input.getType()));
  }
  for (const emit::ExecutableProgram &program : session->tables.programs) {
    if (name != program.name)
      continue;
    for (const emit::ExecutableLaunch &launch : program.launches) {
      std::vector<void *> buffers;
      for (int64_t offset : launch.offsets)
        buffers.push_back(session->arena->start + offset);
      int64_t tasks = session->tables.kernels[launch.kernel].tasks;
      Kernel kernel = session->kernels[launch.kernel];
      if (order == TaskOrder::AllAtOnce) {
        kernel(buffers.data(), session->scratch->start, 0, tasks);
        continue;
      }
      for (int64_t task = tasks - 1; task >= 0; --task) {
        std::memset(session->scratch->start, 0xFF, session->scratchBytes);
        kernel(buffers.data(), session->scratch->start, task, task + 1);
      }
    }
  }
}

std::map<std::string, Tensor> CompiledModel::outputs(StringRef name) const {
  std::map<std::string, Tensor> all;
  for (OutputOp output : module.lookupSymbol<ProgramOp>(name).getOps<OutputOp>())
    all[output.getName().str()] = loadTensor(place(output), typeOf(output.getValue()));
  return all;
}
