// Compiles a kernel through emit, links it into this process, and runs it between guard pages.
#include "KernelRun.h"

#include "compiler/emit/CodeGeneration.h"
#include "compiler/interpret/Interpreter.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <sys/mman.h>
#include <sys/syscall.h>
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

/// Linux lets a process use AMX tiles only if it asks.
static void allowTiles() {
#if defined(__linux__) && defined(__x86_64__)
  constexpr int kRequestPermission = 0x1023, kTileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  syscall(SYS_arch_prctl, kRequestPermission, kTileData);
#endif
}

static llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> link(StringRef object) {
  allowTiles();
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error = (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object)))
    return std::move(error);
  return jit;
}

CompiledKernel::CompiledKernel(const std::string &text, const machines::Machine &machine) : session(new Session) {
  vectorize::loadDialects(session->context);
  session->source = parseSourceString<ModuleOp>(text, &session->context);
  if (!session->source) {
    ADD_FAILURE() << "does not parse:\n" << text;
    return;
  }
  op = *session->source->getOps<step::KernelOp>().begin();
  auto lowered = vectorize::lowerKernel(op, machine, session->context);
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

std::string test::assemblyOf(const std::string &text, const machines::Machine &machine, vectorize::Lowered *about) {
  MLIRContext context;
  vectorize::loadDialects(context);
  OwningOpRef<ModuleOp> source = parseSourceString<ModuleOp>(text, &context);
  auto lowered = vectorize::lowerKernel(*source->getOps<step::KernelOp>().begin(), machine, context);
  if (!lowered) {
    ADD_FAILURE() << llvm::toString(lowered.takeError());
    return {};
  }
  if (about) {
    about->tasks = lowered->tasks;
    about->scratchBytes = lowered->scratchBytes;
  }
  auto assembly = emit::compileKernel(*lowered->module, machine, {emit::OutputKind::Assembly, 3});
  if (!assembly)
    ADD_FAILURE() << llvm::toString(assembly.takeError());
  return assembly ? *assembly : "";
}

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

static size_t elementBytes(NamedTensorType type) {
  return type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8;
}

/// A number rounded to a float format, with its bits.
static llvm::APFloat rounded(double x, FloatType format) {
  llvm::APFloat number(x);
  bool loses;
  number.convert(format.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &loses);
  return number;
}

double test::roundedTo(Type element, double x) { return rounded(x, cast<FloatType>(element)).convertToDouble(); }

/// Bits as a float of 16 bits, and back.
static void write16(char *memory, double x, FloatType format) {
  auto bits = static_cast<uint16_t>(rounded(x, format).bitcastToAPInt().getZExtValue());
  std::memcpy(memory, &bits, 2);
}
static double read16(const char *memory, FloatType format) {
  uint16_t bits;
  std::memcpy(&bits, memory, 2);
  return llvm::APFloat(format.getFloatSemantics(), llvm::APInt(16, bits)).convertToDouble();
}

static void write(char *memory, const Tensor &tensor) {
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (tensor.type.isFloat() && !tensor.type.getElement().isF32())
      write16(memory + 2 * i, tensor.floats[i], cast<FloatType>(tensor.type.getElement()));
    else if (tensor.type.isFloat())
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
    if (type.isFloat() && !type.getElement().isF32())
      tensor.floats[i] = read16(memory + 2 * i, cast<FloatType>(type.getElement()));
    else if (type.isFloat())
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
  // The pairs are alternatives: every operand gives its memory once.
  ArrayRef<int64_t> pairs = step::KernelOp(op).getInplace();
  llvm::SmallDenseSet<int64_t> given, taken;
  for (size_t i = 0; i < pairs.size(); i += 2)
    if (!taken.contains(pairs[i]) && given.insert(pairs[i + 1]).second) {
      taken.insert(pairs[i]);
      buffers[operands.size() + pairs[i]] = buffers[pairs[i + 1]];
    }
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

/// A module with the kernel's ops as a program: inputs and outputs are named by their numbers.
static OwningOpRef<ModuleOp> asProgram(step::KernelOp kernel) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  auto builder = OpBuilder::atBlockEnd(module->getBody());
  auto program = ProgramOp::create(builder, kernel.getLoc(), "eval");
  builder.createBlock(&program.getBody());
  IRMapping mapping;
  for (auto [i, argument] : llvm::enumerate(kernel.getBody().getArguments()))
    mapping.map(argument,
                InputOp::create(builder, kernel.getLoc(), argument.getType(), std::to_string(i), IntegerAttr()));
  for (Operation &op : kernel.getBody().front().without_terminator())
    builder.clone(op, mapping);
  for (auto [i, value] : llvm::enumerate(kernel.getBody().front().getTerminator()->getOperands()))
    OutputOp::create(builder, kernel.getLoc(), std::to_string(i), mapping.lookup(value));
  return module;
}

std::vector<Tensor> CompiledKernel::expected(const std::vector<Tensor> &operands) const {
  OwningOpRef<ModuleOp> program = asProgram(op);
  interpret::Interpreter interpreter(*program);
  for (auto [i, tensor] : llvm::enumerate(operands))
    interpreter.setInput(std::to_string(i), tensor);
  if (llvm::Error error = interpreter.run("eval")) {
    ADD_FAILURE() << llvm::toString(std::move(error));
    return {};
  }
  std::vector<Tensor> results;
  for (auto [i, value] : llvm::enumerate(step::KernelOp(op).getBody().front().getTerminator()->getOperands()))
    results.push_back(interpreter.output(std::to_string(i)).reordered(typeOf(value)));
  return results;
}

std::vector<Tensor> CompiledKernel::randomOperands(uint64_t seed, int64_t below) const {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> real(-2, 2);
  std::vector<Tensor> operands;
  for (Value argument : step::KernelOp(op).getBody().getArguments()) {
    Tensor tensor(typeOf(argument));
    for (double &x : tensor.floats)
      x = roundedTo(tensor.type.getElement(), real(random));
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
    double worst = 0, largest = 0;
    int64_t where = 0;
    for (int64_t i = 0; i < got[r].size(); ++i)
      if (double y = std::fabs(double(wanted[r][i])); std::isfinite(y))
        largest = std::max(largest, y);
    for (int64_t i = 0; i < got[r].size(); ++i) {
      double x = got[r][i], y = wanted[r][i];
      double difference = std::isnan(y) || std::isinf(y)
                              ? (std::isnan(x) == std::isnan(y) && (std::isnan(y) || x == y) ? 0 : 1e9)
                              // What is far smaller than its neighbours is a difference of numbers their size.
                              : std::fabs(x - y) / (1 + std::fabs(y) + largest / 64);
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

void test::expectNoSpills(const std::string &assembly) {
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(assembly).split(lines, '\n');
  for (llvm::StringRef line : lines)
    EXPECT_FALSE(line.contains("zmm") && line.contains("(%rsp")) << "a vector spills: " << line.str();
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
