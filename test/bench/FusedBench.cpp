// Every kernel of a module that is bound by memory, or should be, against its roofline: FusedBench MODULE [NAME]
//
// MODULE is what `kinu build --stop-after=fuse` writes; NAME, a part of kernels' names, chooses among them. Kernels
// that move less than 8 MB, products and attention are left out. One thread; medians of runs that take turns with loops
// that read, write, copy (these two with and without non-temporal stores) and change memory in place, on the same
// machine at the same time. A run goes through many sets of buffers, the first of them untimed, so that what is still
// to be written back from the caches is the kernel's own, at the start as at the end.
//
// The roofline of a kernel is the longer of two times. Memory: as many bytes as it both reads and writes at the rate of
// the copy, what is left of either at that of the reading or the writing loop, and what it changes in place at the rate
// of that loop. Compute: its own tasks over data that fit a cache, which says what its instructions take when memory
// costs nothing. `share` is roofline / time; `of memory` is the first of the two alone.
#include "MemoryLoops.h"
#include "test/vectorize/KernelRun.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Format.h"

#include <cmath>
#include <cstring>
#include <memory>

using namespace kinu;
using namespace kinu::test;

static constexpr double kSmallBytes = 8e6;
static constexpr int kRuns = 7;
/// More than the last cache holds, and several times as much.
static constexpr double kUntimedBytes = 64e6, kTimedBytes = 192e6;
static constexpr double kMostBytes = 2e9; ///< of all sets: of large tables little is touched

namespace {
/// The bytes that one launch must move, each once.
struct Traffic {
  double read = 0, written = 0, updated = 0;

  double total() const { return read + written + 2 * updated; }
};
} // namespace

static double bytesOf(NamedTensorType type) {
  double element = type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8;
  return double(type.getNumElements()) * element;
}

/// Of what is only looked up in, no more than what is found is read.
static double bytesRead(mlir::BlockArgument operand) {
  double bytes = bytesOf(typeOf(operand)), found = 0;
  for (mlir::OpOperand &use : operand.getUses()) {
    auto lookup = mlir::dyn_cast<LookupOp>(use.getOwner());
    if (!lookup || use.getOperandNumber() != 0)
      return bytes;
    found += bytesOf(lookup.getType());
  }
  return std::min(bytes, found);
}

/// Of what is scattered into, no more than is scattered changes.
static double bytesUpdated(step::KernelOp kernel, mlir::Value result) {
  double bytes = bytesOf(typeOf(result));
  for (ScatterOp scatter : kernel.getBody().front().getOps<ScatterOp>())
    bytes = std::min(bytes, bytesOf(typeOf(scatter.getOperand())));
  return bytes;
}

static Traffic trafficOf(step::KernelOp kernel) {
  Traffic traffic;
  llvm::DenseSet<int64_t> inplace;
  for (mlir::BlockArgument operand : kernel.getBody().getArguments())
    traffic.read += bytesRead(operand);
  for (size_t i = 0; i < kernel.getInplace().size(); i += 2)
    if (inplace.insert(kernel.getInplace()[i]).second) {
      mlir::Value result = kernel.getBody().front().getTerminator()->getOperand(kernel.getInplace()[i]);
      traffic.updated += bytesUpdated(kernel, result);
      traffic.read -= bytesOf(typeOf(result));
    }
  for (auto [number, result] : llvm::enumerate(kernel.getBody().front().getTerminator()->getOperands()))
    if (!inplace.contains(int64_t(number)))
      traffic.written += bytesOf(typeOf(result));
  return traffic;
}

namespace {
/// A kernel's buffers, those in place shared.
struct Buffers {
  std::vector<void *> places, owned;
  double bytes = 0;

  explicit Buffers(step::KernelOp kernel) {
    for (mlir::Value operand : kernel.getBody().getArguments())
      add(typeOf(operand));
    llvm::DenseMap<int64_t, int64_t> operandOf; // of results in place
    llvm::DenseSet<int64_t> taken;
    for (size_t i = 0; i < kernel.getInplace().size(); i += 2) {
      int64_t result = kernel.getInplace()[i], operand = kernel.getInplace()[i + 1];
      if (!operandOf.contains(result) && taken.insert(operand).second)
        operandOf[result] = operand;
    }
    for (auto [number, result] : llvm::enumerate(kernel.getBody().front().getTerminator()->getOperands()))
      if (auto operand = operandOf.find(int64_t(number)); operand != operandOf.end())
        places.push_back(places[size_t(operand->second)]);
      else
        add(typeOf(result));
  }
  ~Buffers() {
    for (void *memory : owned)
      std::free(memory);
  }

private:
  /// Floats of 0.25, ids that are spread over what every axis has.
  void add(NamedTensorType type) {
    auto size = size_t(bytesOf(type));
    bytes += double(size);
    void *memory = allocateLarge(size);
    owned.push_back(memory);
    places.push_back(memory);
    if (type.isInt())
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        static_cast<int64_t *>(memory)[i] = i * 7919 % 1024;
    else if (type.getElement().isF32())
      std::fill_n(static_cast<float *>(memory), size / 4, 0.25f);
    else
      std::memset(memory, type.isBool() ? 1 : 0x30, size);
  }
};
} // namespace

namespace {
/// As many sets of a kernel's buffers as it takes for what is in the caches to be its own, or as there is room for.
class Sets {
public:
  Sets(step::KernelOp kernel, const Traffic &traffic)
      : untimed(int64_t(std::ceil(kUntimedBytes / traffic.total()))),
        timed(int64_t(kTimedBytes / traffic.total()) + 1) {
    int64_t wanted = timed > 1 ? untimed + timed : 1;
    for (double bytes = 0; int64_t(sets.size()) < wanted && bytes < kMostBytes; bytes += sets.back()->bytes)
      sets.push_back(std::make_unique<Buffers>(kernel));
  }

  void *const *first() const { return sets.front()->places.data(); }
  /// Seconds of a run, the mean of those that are timed.
  double time(llvm::function_ref<void(void *const *places)> run) const {
    double start = 0;
    for (int64_t i = 0; i < untimed + timed; ++i) {
      if (i == untimed)
        start = seconds();
      run(sets[size_t(i) % sets.size()]->places.data());
    }
    return (seconds() - start) / double(timed);
  }

private:
  int64_t untimed, timed;
  std::vector<std::unique_ptr<Buffers>> sets;
};
} // namespace

/// The kernel with its name only: no location, no alias that lives elsewhere in the module.
static std::string textOf(step::KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream(text) << *kernel.getOperation();
  return text;
}

/// What it computes, for people: its reductions and dearest ops.
static std::string describe(step::KernelOp kernel) {
  std::string text;
  llvm::StringMap<int> seen;
  for (mlir::Operation &op : kernel.getBody().front()) {
    bool tells = mlir::isa<ReduceOp, ExpOp, LogOp, TanhOp, ErfOp, SqrtOp, LookupOp, ScatterOp, RandomOp, CastOp>(op);
    if (tells && seen[op.getName().stripDialect()]++ == 0)
      text += (text.empty() ? "" : " ") + op.getName().stripDialect().str();
  }
  return text.empty() ? "elementwise" : text;
}

static void bench(step::KernelOp op) {
  Traffic traffic = trafficOf(op);
  if (traffic.total() < kSmallBytes)
    return;
  CompiledKernel kernel(textOf(op));
  if (!kernel.ok())
    return;
  Sets sets(kernel.kernel(), traffic);
  std::vector<char> scratch(size_t(kernel.lowered().scratchBytes) + 128);
  void *aligned = reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
  int64_t tasks = kernel.lowered().tasks;
  MemoryLoops memory;
  std::vector<double> whole, cached;
  for (int run = 0; run <= kRuns; ++run) {
    memory.measure();
    double each = sets.time([&](void *const *places) { kernel.run(places, aligned, 0, tasks); });
    if (run == 0)
      continue; // touched memory for the first time
    whole.push_back(each);
    // One task again and again.
    kernel.run(sets.first(), aligned, 0, 1);
    int64_t count = std::clamp<int64_t>(tasks / 4, 1, 32);
    double start = seconds();
    for (int64_t i = 0; i < count; ++i)
      kernel.run(sets.first(), aligned, 0, 1);
    cached.push_back((seconds() - start) / double(count) * double(tasks));
  }
  double copied = std::min(traffic.read, traffic.written);
  double moving = copied * memory.perCopy() + (traffic.read - copied) * memory.perRead() +
                  (traffic.written - copied) * memory.perWrite() + traffic.updated * memory.perUpdate();
  bool fits = traffic.total() / double(tasks) < 1e6;
  double time = median(whole), computing = fits ? median(cached) : 0;
  llvm::outs() << llvm::format("%-18s %7.1f MB %8.2f ms %6.1f GB/s  roofline %8.2f ms memory, %8.2f ms compute  "
                               "share %3.0f%%, of memory %3.0f%%  %s\n",
                               op.getSymName().str().c_str(), traffic.total() * 1e-6, time * 1e3,
                               traffic.total() / time * 1e-9, moving * 1e3, computing * 1e3,
                               100 * std::max(moving, computing) / time, 100 * moving / time, describe(op).c_str());
  llvm::outs().flush();
}

int main(int argc, char **argv) {
  if (argc < 2) {
    llvm::errs() << "usage: FusedBench MODULE [PART-OF-A-NAME]\n";
    return 2;
  }
  mlir::MLIRContext context;
  vectorize::loadDialects(context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(argv[1], &context);
  if (!module)
    return 1;
  MemoryLoops memory;
  for (int run = 0; run < kRuns; ++run)
    memory.measure();
  llvm::outs() << llvm::format("read %.1f GB/s, write %.1f GB/s, copy %.1f GB/s, in place %.1f GB/s\n",
                               1e-9 / memory.perRead(), 1e-9 / memory.perWrite(), 2e-9 / memory.perCopy(),
                               2e-9 / memory.perUpdate());
  for (auto kernel : module->getOps<step::KernelOp>())
    if (kernel.getKind() == step::KernelKind::loops || kernel.getKind() == step::KernelKind::scatter)
      if (argc < 3 || kernel.getSymName().contains(argv[2]))
        bench(kernel);
}
