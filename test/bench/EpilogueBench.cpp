// What an epilogue costs: a product alone, a product and then what follows as kernels of their own, and both as one.
// One thread, medians of interleaved runs; GB are those that the kernels must move. EpilogueBench [ROWS]
#include "test/vectorize/KernelRun.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

using namespace kinu;
using namespace kinu::test;

namespace {

/// `%y = f(%a, operands)` on the axes row and column, as text.
struct Case {
  const char *name;
  int64_t columns, sums;
  const char *operands; ///< after %a, as block arguments
  const char *body;     ///< ops that compute %y from %a
  int64_t inplace;      ///< the operand, counted from the first after %a, that %y may lie over; -1 for none
};

const Case kCases[] = {
    {"bias, gelu; both kept", 3072, 768, ", %b: !b", R"(
      %h = kinu.add %a, %b : (!y, !b) -> !y
      %c = kinu.constant(0.044715) : !s
      %r = kinu.constant(0.79788456) : !s
      %half = kinu.constant(0.5) : !s
      %one = kinu.constant(1.0) : !s
      %h2 = kinu.mul %h, %h : (!y, !y) -> !y
      %h3 = kinu.mul %h2, %h : (!y, !y) -> !y
      %q = kinu.mul %h3, %c : (!y, !s) -> !y
      %i = kinu.add %h, %q : (!y, !y) -> !y
      %u = kinu.mul %i, %r : (!y, !s) -> !y
      %t = kinu.tanh %u : !y
      %f = kinu.add %t, %one : (!y, !s) -> !y
      %g = kinu.mul %h, %f : (!y, !y) -> !y
      %y = kinu.mul %g, %half : (!y, !s) -> !y)",
     -1},
    {"bias, residual", 768, 3072, ", %b: !b, %x: !y", R"(
      %h = kinu.add %a, %b : (!y, !b) -> !y
      %y = kinu.add %x, %h : (!y, !y) -> !y)",
     1},
    {"bias", 768, 768, ", %b: !b", R"(
      %y = kinu.add %a, %b : (!y, !b) -> !y)",
     -1},
    {"added to a gradient", 3072, 768, ", %x: !y", R"(
      %y = kinu.add %x, %a : (!y, !y) -> !y)",
     0},
};

std::string kernelText(const Case &one, int64_t rows, bool product, bool rest) {
  auto type = [](std::initializer_list<std::pair<const char *, int64_t>> axes) {
    std::string text;
    for (auto [name, length] : axes)
      text += (text.empty() ? "" : ", ") + std::string(name) + "=" + std::to_string(length);
    return "!kinu.tensor<" + text + " : f32>";
  };
  std::string text = "!p = " + type({{"row", rows}, {"sum", one.sums}}) +
                     "\n!w = " + type({{"sum", one.sums}, {"column", one.columns}}) +
                     "\n!y = " + type({{"row", rows}, {"column", one.columns}}) +
                     "\n!b = " + type({{"column", one.columns}}) + "\n!s = !kinu.tensor<f32>\n";
  int64_t before = product ? 2 : 1;
  std::string pairs = rest && one.inplace >= 0 ? "0, " + std::to_string(before + one.inplace) : "";
  text += product ? "step.kernel @fused contraction rows []" : "step.kernel @rest loops rows [\"row\", \"column\"]";
  text += " inplace [" + pairs + "] {\n^bb0(" + (product ? "%p: !p, %w: !w" : "%a: !y") + (rest ? one.operands : "") +
          "):\n";
  if (product)
    text += "  %a = kinu.dot %p, %w over [\"sum\"] : (!p, !w) -> !y\n";
  text += rest ? std::string(one.body) : "";
  bool keeps = std::string(one.name).find("kept") != std::string::npos;
  text += !rest   ? "\n  kinu.yield %a : !y\n}\n"
          : keeps ? "\n  kinu.yield %h, %y : !y, !y\n}\n"
                  : "\n  kinu.yield %y : !y\n}\n";
  return text;
}

/// A compiled kernel with memory of its own.
struct Bench {
  CompiledKernel kernel;
  std::vector<void *> buffers;
  std::vector<char> scratch;
  std::vector<double> seconds;

  explicit Bench(const std::string &text) : kernel(text), scratch(size_t(kernel.lowered().scratchBytes) + 4096) {
    step::KernelOp op = kernel.kernel();
    auto add = [&](mlir::Value value) {
      size_t count = size_t(typeOf(value).getNumElements());
      auto *memory = static_cast<float *>(std::aligned_alloc(4096, (count * 4 + 4095) / 4096 * 4096));
      for (size_t i = 0; i < count; ++i)
        memory[i] = float(i % 17) * 0.01f;
      buffers.push_back(memory);
    };
    for (mlir::Value operand : op.getBody().getArguments())
      add(operand);
    size_t operands = buffers.size();
    for (mlir::Value result : op.getBody().front().getTerminator()->getOperands())
      add(result);
    for (size_t i = 0; i + 1 < op.getInplace().size(); i += 2)
      buffers[operands + size_t(op.getInplace()[i])] = buffers[size_t(op.getInplace()[i + 1])];
  }

  double run() {
    char *aligned = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(scratch.data()) + 4095) / 4096 * 4096);
    auto start = std::chrono::steady_clock::now();
    kernel.run(buffers.data(), aligned, 0, kernel.lowered().tasks);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  double median() {
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }
};

} // namespace

int main(int argc, char **argv) {
  int64_t rows = argc > 1 ? std::atoll(argv[1]) : 1024;
  std::printf("%-24s %10s %10s %10s %10s %18s\n", "", "product", "rest", "fused", "saved", "of the rest");
  for (const Case &one : kCases) {
    Bench product(kernelText(one, rows, true, false)), rest(kernelText(one, rows, false, true)),
        fused(kernelText(one, rows, true, true));
    for (int round = 0; round < 9; ++round)
      for (Bench *bench : {&product, &rest, &fused})
        bench->seconds.push_back(bench->run());
    double saved = product.median() + rest.median() - fused.median();
    std::printf("%-24s %7.2f ms %7.2f ms %7.2f ms %7.2f ms %17.0f%%\n", one.name, product.median() * 1e3,
                rest.median() * 1e3, fused.median() * 1e3, saved * 1e3, saved / rest.median() * 100);
  }
}
