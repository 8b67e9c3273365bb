// Compiles a kernel through emit, links it into this process, and runs it between guard pages.
#include "KernelRun.h"

#include "compiler/emit/CodeGeneration.h"
#include "compiler/interpret/Evaluate.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

struct CompiledKernel::Session {
  MLIRContext context;
  OwningOpRef<ModuleOp> source;
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

static llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> link(StringRef object) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error = (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object)))
    return std::move(error);
  return jit;
}

CompiledKernel::CompiledKernel(const std::string &text) : session(new Session) {
  vectorize::loadDialects(session->context);
  session->source = parseSourceString<ModuleOp>(text, &session->context);
  if (!session->source) {
    ADD_FAILURE() << "does not parse:\n" << text;
    return;
  }
  op = *session->source->getOps<step::KernelOp>().begin();
  machines::Machine machine = machines::detectLocal();
  auto lowered = vectorize::lowerLoops(op, machine);
  if (!lowered) {
    ADD_FAILURE() << llvm::toString(lowered.takeError());
    return;
  }
  code = std::move(*lowered);
  auto object = emit::compileKernel(*code->module, machine);
  if (!object) {
    ADD_FAILURE() << llvm::toString(object.takeError());
    return;
  }
  auto jit = link(*object);
  if (!jit) {
    ADD_FAILURE() << llvm::toString(jit.takeError());
    return;
  }
  session->jit = std::move(*jit);
  run = llvm::cantFail(session->jit->lookup(op.getSymName())).toPtr<Function>();
}

CompiledKernel::~CompiledKernel() = default;

namespace {
/// Bytes that end where a page begins that must not be touched.
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t bytes) {
    size_t page = sysconf(_SC_PAGESIZE), body = (bytes + page - 1) / page * page + page;
    mapped = body + page;
    base = static_cast<char *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base, page, PROT_NONE);
    mprotect(base + body, page, PROT_NONE);
    start = base + body - bytes;
  }
  ~GuardedBuffer() { munmap(base, mapped); }
  GuardedBuffer(const GuardedBuffer &) = delete;

  char *start;

private:
  char *base;
  size_t mapped;
};
} // namespace

static size_t elementBytes(NamedTensorType type) { return type.isBool() ? 1 : type.isInt() ? 8 : 4; }

static void write(char *memory, const Tensor &tensor) {
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (tensor.type.isFloat())
      reinterpret_cast<float *>(memory)[i] = static_cast<float>(tensor.floats[i]);
    else if (tensor.type.isInt())
      reinterpret_cast<int64_t *>(memory)[i] = tensor.ints[i];
    else
      memory[i] = static_cast<char>(tensor.ints[i]);
  }
}

static Tensor read(const char *memory, NamedTensorType type) {
  Tensor tensor(type);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (type.isFloat())
      tensor.floats[i] = reinterpret_cast<const float *>(memory)[i];
    else
      tensor.ints[i] = type.isInt() ? reinterpret_cast<const int64_t *>(memory)[i] : memory[i];
  }
  return tensor;
}

std::vector<Tensor> CompiledKernel::results(const std::vector<Tensor> &operands) const {
  std::vector<std::unique_ptr<GuardedBuffer>> owned;
  std::vector<void *> buffers;
  for (const Tensor &tensor : operands) {
    owned.push_back(std::make_unique<GuardedBuffer>(tensor.size() * elementBytes(tensor.type)));
    write(owned.back()->start, tensor);
    buffers.push_back(owned.back()->start);
  }
  OperandRange yielded = step::KernelOp(op).getBody().front().getTerminator()->getOperands();
  for (Value value : yielded) {
    size_t bytes = typeOf(value).getNumElements() * elementBytes(typeOf(value));
    owned.push_back(std::make_unique<GuardedBuffer>(bytes));
    std::memset(owned.back()->start, 0xFF, bytes); // NaN
    buffers.push_back(owned.back()->start);
  }
  ArrayRef<int64_t> pairs = step::KernelOp(op).getInplace();
  for (size_t i = 0; i < pairs.size(); i += 2)
    buffers[operands.size() + pairs[i]] = buffers[pairs[i + 1]];
  GuardedBuffer scratch(std::max<int64_t>(64, (code->scratchBytes + 63) / 64 * 64));
  for (int64_t task = 0; task < code->tasks; ++task) {
    std::memset(scratch.start, 0xFF, code->scratchBytes);
    run(buffers.data(), scratch.start, task, task + 1);
  }
  std::vector<Tensor> results;
  for (auto [i, value] : llvm::enumerate(yielded))
    results.push_back(read(static_cast<char *>(buffers[operands.size() + i]), typeOf(value)));
  return results;
}

std::vector<Tensor> CompiledKernel::expected(const std::vector<Tensor> &operands) const {
  llvm::DenseMap<Value, interpret::TensorRef> values;
  Block &block = step::KernelOp(op).getBody().front();
  for (auto [argument, tensor] : llvm::zip(block.getArguments(), operands))
    values[argument] = std::make_shared<Tensor>(tensor);
  for (Operation &inner : block.without_terminator()) {
    SmallVector<interpret::TensorRef> inputs;
    for (Value operand : inner.getOperands())
      inputs.push_back(values[operand]);
    std::string fault;
    interpret::TensorRef result = interpret::evaluateElementwise(&inner, inputs);
    if (!result)
      result = interpret::evaluateAxes(&inner, inputs);
    if (!result)
      result = interpret::evaluateLookup(&inner, inputs, fault);
    if (!result)
      result = interpret::evaluateRandom(&inner, inputs);
    if (!result || !fault.empty()) {
      ADD_FAILURE() << "the interpreter does not know " << inner.getName().getStringRef().str() << " " << fault;
      return {};
    }
    values[inner.getResult(0)] = result;
  }
  std::vector<Tensor> results;
  for (Value value : block.getTerminator()->getOperands())
    results.push_back(values[value]->reordered(typeOf(value)));
  return results;
}

std::vector<Tensor> CompiledKernel::randomOperands(uint64_t seed, int64_t below) const {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> real(-2, 2);
  std::vector<Tensor> operands;
  for (Value argument : step::KernelOp(op).getBody().getArguments()) {
    Tensor tensor(typeOf(argument));
    for (double &x : tensor.floats)
      x = real(random);
    for (int64_t &x : tensor.ints)
      x = static_cast<int64_t>(random() % (tensor.type.isBool() ? 2 : below));
    operands.push_back(std::move(tensor));
  }
  return operands;
}

void test::expectNear(const CompiledKernel &kernel, const std::vector<Tensor> &operands, double tolerance) {
  std::vector<Tensor> got = kernel.results(operands), wanted = kernel.expected(operands);
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t r = 0; r < got.size(); ++r) {
    double worst = 0;
    int64_t where = 0;
    for (int64_t i = 0; i < got[r].size(); ++i) {
      double x = got[r][i], y = wanted[r][i];
      double difference = std::isnan(y) || std::isinf(y) ? (std::isnan(x) == std::isnan(y) && (std::isnan(y) || x == y) ? 0 : 1e9)
                                                         : std::fabs(x - y) / (1 + std::fabs(y));
      if (!(difference <= worst)) {
        worst = std::isnan(difference) ? 1e9 : difference;
        where = i;
      }
    }
    double limit = got[r].type.isFloat() ? tolerance : 0;
    EXPECT_LE(worst, limit) << "result " << r << " at element " << where << " of " << got[r].size() << " is "
                            << got[r][where] << ", not " << wanted[r][where] << ", in kernel "
                            << step::KernelOp(kernel.kernel()).getSymName().str();
  }
}

void test::expectAsInterpreted(const std::string &text, double tolerance, uint64_t seed) {
  CompiledKernel kernel(text);
  if (kernel.ok())
    expectNear(kernel, kernel.randomOperands(seed), tolerance);
}

std::string test::sized(std::string text, int64_t number) {
  std::string result;
  for (char c : text)
    result += c == '$' ? std::to_string(number) : c == '#' ? std::to_string(2 * number) : std::string(1, c);
  return result;
}
