// Speed of contractions of the shapes of GPT-2's training step at 256 tokens, and of square ones.
//
// Prints GF/s of one thread, the share of the machine's peak, and of what a product in the first cache reaches
// meanwhile: neighbours on the same host can halve any figure. Each is the best of many runs. `GemmBench [part of a
// name]`
#include "test/vectorize/KernelRun.h"

#include "llvm/Support/Format.h"

#include <cstdlib>
#include <ctime>

using namespace kinu;
using namespace kinu::test;

namespace {
struct Case {
  const char *name;
  const char *lhs, *rhs, *result; ///< "m=256 k=768": axes in memory order
};
} // namespace

static const Case kCases[] = {
    {"square 1024", "m=1024 k=1024", "k=1024 n=1024", "m=1024 n=1024"},
    {"square 1024, right transposed", "m=1024 k=1024", "n=1024 k=1024", "m=1024 n=1024"},
    {"square 1024, left transposed", "k=1024 m=1024", "k=1024 n=1024", "m=1024 n=1024"},
    {"q forward", "t=256 e=768", "e=768 h=12 d=64", "t=256 h=12 d=64"},
    {"q forward, heads first", "b=4 s=64 e=768", "e=768 h=12 d=64", "b=4 h=12 s=64 d=64"},
    {"q weight, heads first", "b=4 s=64 e=768", "b=4 h=12 s=64 d=64", "e=768 h=12 d=64"},
    {"q input, heads first", "b=4 h=12 s=64 d=64", "e=768 h=12 d=64", "b=4 s=64 e=768"},
    {"up forward", "t=256 e=768", "e=768 f=3072", "t=256 f=3072"},
    {"up input", "t=256 f=3072", "e=768 f=3072", "t=256 e=768"},
    {"up weight", "t=256 e=768", "t=256 f=3072", "e=768 f=3072"},
    {"down forward", "t=256 f=3072", "f=3072 e=768", "t=256 e=768"},
    {"down input", "t=256 e=768", "f=3072 e=768", "t=256 f=3072"},
    {"down weight", "t=256 f=3072", "t=256 e=768", "f=3072 e=768"},
    {"head forward", "t=256 e=768", "v=50257 e=768", "t=256 v=50257"},
    {"head input", "t=256 v=50257", "v=50257 e=768", "t=256 e=768"},
    {"head weight", "t=256 v=50257", "t=256 e=768", "v=50257 e=768"},
    {"small up forward", "t=768 e=128", "e=128 f=512", "t=768 f=512"},
    {"small q forward", "t=768 e=128", "e=128 h=4 d=32", "t=768 h=4 d=32"},
};

/// The type of axes as in Case, their names in `names`, their number of elements in `count`.
static std::string typeOf(llvm::StringRef axes, std::vector<std::string> &names, int64_t &count) {
  std::string text;
  count = 1;
  for (llvm::StringRef axis : llvm::split(axes, ' ')) {
    auto [name, length] = axis.split('=');
    names.push_back(name.str());
    text += (text.empty() ? "ax_" : ", ax_") + axis.str();
    count *= std::atoll(length.str().c_str());
  }
  return "!kinu.tensor<" + text + " : f32>";
}

static std::string kernelText(const Case &shape, int64_t (&counts)[3]) {
  std::vector<std::string> lhs, rhs, result;
  std::string a = typeOf(shape.lhs, lhs, counts[0]), b = typeOf(shape.rhs, rhs, counts[1]);
  std::string c = typeOf(shape.result, result, counts[2]), over;
  for (const std::string &name : lhs)
    if (llvm::is_contained(rhs, name) && !llvm::is_contained(result, name))
      over += (over.empty() ? "\"ax_" : ", \"ax_") + name + "\"";
  return "step.kernel @dot contraction rows [] inplace [] {\n^bb0(%a: " + a + ", %b: " + b +
         "):\n  %c = kinu.dot %a, %b over [" + over + "] : (" + a + ", " + b + ") -> " + c +
         "\n  kinu.yield %c : " + c + "\n}\n";
}

/// Time that this thread has run, without what other processes took.
static double threadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// A kernel with memory of its own.
struct Runnable {
  explicit Runnable(const Case &shape, const machines::Machine &machine);
  ~Runnable() { std::free(scratch); }
  /// Operations per second of one launch.
  double rate() {
    double start = threadSeconds();
    kernel->run(buffers.data(), scratch, 0, kernel->lowered().tasks);
    return kernel->lowered().operations / (threadSeconds() - start);
  }
  std::unique_ptr<CompiledKernel> kernel;
  std::vector<std::vector<float>> memory;
  std::vector<void *> buffers;
  void *scratch;
  double compileSeconds;
};

Runnable::Runnable(const Case &shape, const machines::Machine &machine) {
  int64_t counts[3];
  std::string text = kernelText(shape, counts);
  double start = threadSeconds();
  kernel = std::make_unique<CompiledKernel>(text, machine);
  compileSeconds = threadSeconds() - start;
  for (int64_t count : counts)
    buffers.push_back(memory.emplace_back(count, 0.5f).data());
  scratch = std::aligned_alloc(64, size_t((kernel->lowered().scratchBytes + 4095) / 4096 * 4096));
}

/// The canary: a product that stays in the first cache and so shows what the core can do at the moment.
static const Case kCanary = {"canary", "m=192 k=256", "k=256 n=64", "m=192 n=64"};

int main(int argc, char **argv) {
  machines::Machine machine = *machines::find("local");
  Runnable canary(kCanary, machine);
  for (const Case &shape : kCases) {
    if (argc > 1 && !llvm::StringRef(shape.name).contains(argv[1]))
      continue;
    Runnable subject(shape, machine);
    double best = 0, bestCanary = 0, seconds = 0;
    while (seconds < 0.7) {
      for (int i = 0; i < 20; ++i)
        bestCanary = std::max(bestCanary, canary.rate());
      double rate = subject.rate();
      best = std::max(best, rate);
      seconds += subject.kernel->lowered().operations / rate;
    }
    llvm::outs() << llvm::formatv("{0,-32}", shape.name)
                 << llvm::format("%7.1f GF/s %3.0f%% of peak, %3.0f%% of canary", best / 1e9,
                                 100 * best / machine.peakFlopsPerCore(), 100 * best / bestCanary)
                 << llvm::format("  %4lld tasks %6lld kB scratch  compiled in %.2f s\n",
                                 (long long)subject.kernel->lowered().tasks,
                                 (long long)(subject.kernel->lowered().scratchBytes / 1024), subject.compileSeconds);
    llvm::outs().flush();
  }
}
