// Speed of attention, forward and backward, as a share of what a matrix product of the same element reaches.
//
// Only operations that the mask leaves are counted: 4 per score and dimension forward (two products), 10 backward
// (five). Each round times the product and both directions one after the other on one thread, so that a busy neighbour
// slows all of them; printed are the medians of the rounds' rates and ratios. `AttentionBench [part of a name]`
#include "test/vectorize/KernelRun.h"
#include "test/vectorize/attention/AttentionKernels.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>

using namespace kinu;
using namespace kinu::test;

namespace {
struct Subject {
  const char *name;
  int64_t batch, heads, groups, length, dim;
  const char *mask;
};

/// A kernel with memory of its own.
struct Runnable {
  Runnable(const std::string &text, const machines::Machine &machine);
  ~Runnable() {
    for (void *memory : owned)
      std::free(memory);
  }
  /// Time that this thread has run in one launch, without what other processes took.
  double seconds() const {
    double start = now();
    kernel.run(buffers.data(), owned.back(), 0, kernel.lowered().tasks);
    return now() - start;
  }
  static double now() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
  }
  CompiledKernel kernel;
  std::vector<void *> buffers, owned;
};
} // namespace

static const Subject kSubjects[] = {
    {"1 x 12 heads x 4096 x 64, causal", 1, 12, 12, 4096, 64, "causal"},
    {"gpt2: 4 x 12 heads x 1024 x 64, causal", 4, 12, 12, 1024, 64, "causal"},
    {"1 x 12 heads x 1024 x 64, no mask", 1, 12, 12, 1024, 64, "none"},
    {"1 x 4 heads x 4096 x 64, window 256", 1, 4, 4, 4096, 64, "window"},
    {"1 x 8 heads in 2 groups x 2048 x 128, causal", 1, 8, 2, 2048, 128, "causal"},
    {"1 x 6 heads x 2048 x 144, causal", 1, 6, 6, 2048, 144, "causal"},
};
static constexpr int64_t kWindow = 256;
static constexpr int kRounds = 7;

static size_t bytesOf(NamedTensorType type) {
  return size_t(type.getNumElements()) * (type.getElement().getIntOrFloatBitWidth() + 7) / 8;
}

/// Numbers that do not cancel; bits that are small floats in every format.
static void fill(void *memory, NamedTensorType type) {
  unsigned bits = type.getElement().getIntOrFloatBitWidth();
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    float value = float((i * 7919) % 1009) / 1009 - 0.5f;
    uint32_t pattern;
    std::memcpy(&pattern, &value, 4);
    if (bits == 32)
      static_cast<uint32_t *>(memory)[i] = pattern;
    else if (bits == 16) // as f16 it is another number of moderate size
      static_cast<uint16_t *>(memory)[i] = type.getElement().isBF16() ? uint16_t(pattern >> 16) : 0x3000 + i % 1009;
  }
}

Runnable::Runnable(const std::string &text, const machines::Machine &machine) : kernel(text, machine) {
  if (!kernel.ok())
    return;
  auto add = [&](NamedTensorType type) {
    owned.push_back(std::aligned_alloc(4096, (bytesOf(type) + 4095) / 4096 * 4096));
    fill(owned.back(), type);
    buffers.push_back(owned.back());
  };
  step::KernelOp op = kernel.kernel();
  for (mlir::Value argument : op.getBody().getArguments())
    add(typeOf(argument));
  for (mlir::Value result : op.getBody().front().getTerminator()->getOperands())
    add(typeOf(result));
  owned.push_back(std::aligned_alloc(4096, size_t(kernel.lowered().scratchBytes + 4095) / 4096 * 4096));
}

static AttentionCase caseOf(const Subject &subject, const std::string &element) {
  Mask mask = subject.mask == std::string("causal") ? causal()
              : subject.mask == std::string("none") ? noMask()
                                                    : slidingWindow(kWindow);
  AttentionCase c{{{'b', subject.batch},
                   {'g', subject.groups},
                   {'r', subject.heads / subject.groups},
                   {'s', subject.length},
                   {'t', subject.length},
                   {'d', subject.dim}},
                  "bsgrd",
                  "btgd",
                  "btgd",
                  "bsgrd",
                  "d",
                  mask.score,
                  mask.backward};
  c.element = element;
  return c;
}

/// Scores that the mask leaves, over all heads.
static double scoresOf(const Subject &subject) {
  double scores = 0;
  for (int64_t query = 0; query < subject.length; ++query)
    scores += subject.mask == std::string("causal") ? double(query + 1)
              : subject.mask == std::string("none") ? double(subject.length)
                                                    : double(std::min(query + 1, kWindow));
  return scores * double(subject.batch * subject.heads);
}

static std::string squareText(const std::string &element) {
  return "!a = !kinu.tensor<m=1024, k=1024 : " + element + ">\n!b = !kinu.tensor<k=1024, n=1024 : " + element +
         ">\n!c = !kinu.tensor<m=1024, n=1024 : f32>\nstep.kernel @dot contraction rows [] inplace [] {\n"
         "^bb0(%a: !a, %b: !b):\n  %c = kinu.dot %a, %b over [\"k\"] : (!a, !b) -> !c\n  kinu.yield %c : !c\n}\n";
}

static double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + long(values.size() / 2), values.end());
  return values[values.size() / 2];
}

static void measure(const Subject &subject, const std::string &element, const Runnable &product,
                    const machines::Machine &machine) {
  AttentionCase c = caseOf(subject, element);
  Runnable forward(forwardText(c), machine), backward(backwardText(c), machine);
  if (!forward.kernel.ok() || !backward.kernel.ok())
    std::exit(1);
  const Runnable *kernels[] = {&forward, &backward};
  double operations[] = {4.0 * double(subject.dim) * scoresOf(subject), 10.0 * double(subject.dim) * scoresOf(subject)};
  std::vector<double> rates[2], shares[2], products;
  for (int round = 0; round < kRounds; ++round)
    for (int i = 0; i < 2; ++i) {
      double productRate = product.kernel.lowered().operations / std::min(product.seconds(), product.seconds());
      rates[i].push_back(operations[i] / kernels[i]->seconds());
      shares[i].push_back(rates[i].back() / productRate);
      products.push_back(productRate);
    }
  llvm::outs() << subject.name << ", " << element << llvm::format(" (product %.0f GF/s)\n", median(products) / 1e9);
  for (int i = 0; i < 2; ++i)
    llvm::outs() << (i ? "  backward" : "  forward ")
                 << llvm::format("%8.1f ms %7.1f GF/s %4.0f%% of the product's rate, %4lld tasks, scratch %lld kB\n",
                                 1e3 * operations[i] / median(rates[i]), median(rates[i]) / 1e9,
                                 100 * median(shares[i]), (long long)kernels[i]->kernel.lowered().tasks,
                                 (long long)(kernels[i]->kernel.lowered().scratchBytes / 1024));
  llvm::outs().flush();
}

int main(int argc, char **argv) {
  machines::Machine machine = *machines::find("local");
  std::string filter = argc > 1 ? argv[1] : "", elements = argc > 2 ? argv[2] : "f32";
  for (llvm::StringRef element : llvm::split(elements, ',')) {
    auto product = std::make_unique<Runnable>(squareText(element.str()), machine);
    if (!product->kernel.ok()) {
      llvm::outs() << "no product of " << element << ": compared with one of f32\n";
      product = std::make_unique<Runnable>(squareText("f32"), machine);
    }
    for (const Subject &subject : kSubjects)
      if (llvm::StringRef(subject.name).contains(filter))
        measure(subject, element.str(), *product, machine);
  }
}
