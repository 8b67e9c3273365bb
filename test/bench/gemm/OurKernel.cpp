// See OurKernel.h.
#include "test/bench/gemm/OurKernel.h"

#include "runtime/Sharing.h"
#include "test/bench/gemm/Measure.h"

using namespace kinu::bench;

/// The axes' names begin with `ax_`, since some of them are words of the assembly format.
static std::string typeText(const Lengths &axes, Precision precision) {
  std::string text;
  for (const Length &axis : axes)
    text += (text.empty() ? "ax_" : ", ax_") + axis.name + "=" + std::to_string(axis.length);
  return "!kinu.tensor<" + text + (precision == Precision::fp32 ? " : f32>" : " : bf16>");
}

static bool has(const Lengths &axes, const std::string &name) {
  for (const Length &axis : axes)
    if (axis.name == name)
      return true;
  return false;
}

std::string kinu::bench::kernelText(const Product &product, Precision precision, Precision resultPrecision) {
  std::string a = typeText(product.lhs, precision), b = typeText(product.rhs, precision);
  std::string c = typeText(product.result, resultPrecision), over;
  for (const Length &axis : product.lhs)
    if (has(product.rhs, axis.name) && !has(product.result, axis.name))
      over += (over.empty() ? "\"ax_" : ", \"ax_") + axis.name + "\"";
  return "step.kernel @dot contraction rows [] inplace [] {\n^bb0(%a: " + a + ", %b: " + b +
         "):\n  %c = kinu.dot %a, %b over [" + over + "] : (" + a + ", " + b + ") -> " + c +
         "\n  kinu.yield %c : " + c + "\n}\n";
}

int64_t kinu::bench::scratchBytes(const test::CompiledKernel &kernel) {
  return (kernel.lowered().scratchBytes + 4095) / 4096 * 4096;
}

std::function<void()> kinu::bench::ourProduct(const Product &product, const test::CompiledKernel &kernel,
                                              const Operands &operands, char *scratch, int threads) {
  std::vector<void *> buffers{operands.left, operands.right, operands.result};
  if (!product.leftIsLhs)
    std::swap(buffers[0], buffers[1]);
  return [&kernel, buffers, scratch, threads] {
    int64_t tasks = kernel.lowered().tasks, stride = scratchBytes(kernel);
    if (threads == 1)
      return kernel.run(buffers.data(), scratch, 0, tasks);
    int64_t piece = kinu::rt::tasksOfPiece(tasks, threads);
    onTeam(threads, [&](int thread) {
      int64_t end = kinu::rt::firstTask(tasks, threads, thread + 1);
      for (int64_t begin = kinu::rt::firstTask(tasks, threads, thread); begin < end; begin += piece)
        kernel.run(buffers.data(), scratch + thread * stride, begin, std::min(begin + piece, end));
    });
  };
}
