// How near kernels that only move memory come to its bandwidth: bytes that must move over the time of one thread.
#include "KernelRun.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using namespace kinu;
using namespace kinu::test;

static const char *const kAdamW = R"mlir(
  !w = !kinu.tensor<embed=3072, ffn=3072 : f32>
  !s = !kinu.tensor<f32>
  step.kernel @adamw loops rows ["embed", "ffn"] inplace [0, 0, 1, 1, 2, 2] {
  ^bb0(%w: !w, %m: !w, %v: !w, %g: !w, %lr: !s):
    %b1 = kinu.constant(0.9) : !s
    %a1 = kinu.constant(0.1) : !s
    %b2 = kinu.constant(0.95) : !s
    %a2 = kinu.constant(0.05) : !s
    %eps = kinu.constant(1.0e-8) : !s
    %m0 = kinu.mul %m, %b1 : (!w, !s) -> !w
    %g1 = kinu.mul %g, %a1 : (!w, !s) -> !w
    %m1 = kinu.add %m0, %g1 : (!w, !w) -> !w
    %v1 = kinu.mul %v, %b2 : (!w, !s) -> !w
    %g2 = kinu.mul %g, %g : (!w, !w) -> !w
    %g3 = kinu.mul %g2, %a2 : (!w, !s) -> !w
    %v2 = kinu.add %v1, %g3 : (!w, !w) -> !w
    %r = kinu.sqrt %v2 : !w
    %d = kinu.add %r, %eps : (!w, !s) -> !w
    %u = kinu.div %m1, %d : (!w, !w) -> !w
    %step = kinu.mul %u, %lr : (!w, !s) -> !w
    %w1 = kinu.sub %w, %step : (!w, !w) -> !w
    kinu.yield %w1, %m1, %v2 : !w, !w, !w
  })mlir";

static const char *const kLayerNorm = R"mlir(
  !x = !kinu.tensor<batch=16, seq=1024, embed=768 : f32>
  !row = !kinu.tensor<batch=16, seq=1024 : f32>
  !gain = !kinu.tensor<embed=768 : f32>
  !s = !kinu.tensor<f32>
  step.kernel @layernorm loops rows ["batch", "seq"] inplace [] {
  ^bb0(%x: !x, %gain: !gain, %bias: !gain):
    %n = kinu.constant(768.0) : !s
    %sum = kinu.reduce sum %x over ["embed"] : (!x) -> !row
    %mean = kinu.div %sum, %n : (!row, !s) -> !row
    %d = kinu.sub %x, %mean : (!x, !row) -> !x
    %d2 = kinu.mul %d, %d : (!x, !x) -> !x
    %v = kinu.reduce sum %d2 over ["embed"] : (!x) -> !row
    %var = kinu.div %v, %n : (!row, !s) -> !row
    %sd = kinu.sqrt %var : !row
    %y = kinu.div %d, %sd : (!x, !row) -> !x
    %g = kinu.mul %y, %gain : (!x, !gain) -> !x
    %r = kinu.add %g, %bias : (!x, !gain) -> !x
    kinu.yield %r : !x
  })mlir";

static const char *const kSoftmax = R"mlir(
  !x = !kinu.tensor<row=1024, "token"=12288 : f32>
  !row = !kinu.tensor<row=1024 : f32>
  step.kernel @softmax loops rows ["row"] inplace [] {
  ^bb0(%x: !x):
    %max = kinu.reduce max %x over ["token"] : (!x) -> !row
    %d = kinu.sub %x, %max : (!x, !row) -> !x
    %e = kinu.exp %d : !x
    %sum = kinu.reduce sum %e over ["token"] : (!x) -> !row
    %p = kinu.div %e, %sum : (!x, !row) -> !x
    kinu.yield %p : !x
  })mlir";

static const char *const kBiasGradient = R"mlir(
  !x = !kinu.tensor<batch=4, seq=1024, ffn=3072 : f32>
  !b = !kinu.tensor<ffn=3072 : f32>
  step.kernel @bias_gradient loops rows ["ffn"] inplace [] {
  ^bb0(%x: !x):
    %sum = kinu.reduce sum %x over ["batch", "seq"] : (!x) -> !b
    kinu.yield %sum : !b
  })mlir";

static const char *const kGelu = R"mlir(
  !x = !kinu.tensor<batch=4, seq=1024, ffn=3072 : f32>
  !b = !kinu.tensor<ffn=3072 : f32>
  !s = !kinu.tensor<f32>
  step.kernel @gelu loops rows ["batch", "seq", "ffn"] inplace [] {
  ^bb0(%x: !x, %b: !b):
    %h = kinu.add %x, %b : (!x, !b) -> !x
    %r = kinu.constant(0.70710678118654752) : !s
    %half = kinu.constant(0.5) : !s
    %one = kinu.constant(1.0) : !s
    %u = kinu.mul %h, %r : (!x, !s) -> !x
    %e = kinu.erf %u : !x
    %f = kinu.add %e, %one : (!x, !s) -> !x
    %g = kinu.mul %h, %f : (!x, !x) -> !x
    %y = kinu.mul %g, %half : (!x, !s) -> !x
    kinu.yield %y : !x
  })mlir";

static const char *const kEmbeddingGradient = R"mlir(
  !x = !kinu.tensor<batch=4, seq=1024, embed=768 : f32>
  !ids = !kinu.tensor<batch=4, seq=1024 : i64>
  !w = !kinu.tensor<"token"=50257, embed=768 : f32>
  step.kernel @embedding_gradient scatter rows [] inplace [] {
  ^bb0(%x: !x, %ids: !ids):
    %0 = kinu.scatter %x over ["batch", "seq"] to ["token"] at %ids : (!x, !ids) -> !w
    kinu.yield %0 : !w
  })mlir";

/// Memory of a kernel's buffers, results after operands, aligned as the arena does it.
static std::vector<void *> allocate(step::KernelOp kernel) {
  std::vector<void *> buffers;
  auto add = [&](mlir::Value value) {
    size_t bytes = size_t(typeOf(value).getNumElements()) * (typeOf(value).isInt() ? 8 : 4);
    void *memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (typeOf(value).isInt())
      std::fill_n(static_cast<int64_t *>(memory), bytes / 8, 5);
    else
      std::fill_n(static_cast<float *>(memory), bytes / 4, 0.25f);
    buffers.push_back(memory);
  };
  for (mlir::Value operand : kernel.getBody().getArguments())
    add(operand);
  size_t operands = buffers.size();
  for (mlir::Value result : kernel.getBody().front().getTerminator()->getOperands())
    add(result);
  for (size_t i = 0; i < kernel.getInplace().size(); i += 2)
    buffers[operands + kernel.getInplace()[i]] = buffers[kernel.getInplace()[i + 1]];
  return buffers;
}

int main() {
  for (const char *text : {kAdamW, kLayerNorm, kSoftmax, kBiasGradient, kGelu, kEmbeddingGradient}) {
    CompiledKernel kernel(text);
    if (!kernel.ok())
      return 1;
    step::KernelOp op = kernel.kernel();
    std::vector<void *> buffers = allocate(op);
    std::vector<char> scratch(size_t(kernel.lowered().scratchBytes) + 64);
    double best = 1e9;
    for (int repeat = 0; repeat < 7; ++repeat) {
      auto start = std::chrono::steady_clock::now();
      kernel.run(buffers.data(), scratch.data(), 0, kernel.lowered().tasks);
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::printf("%-20s %8.2f ms  %6.2f GB/s  %lld tasks\n", op.getSymName().str().c_str(), best * 1e3,
                kernel.lowered().bytes / best * 1e-9, static_cast<long long>(kernel.lowered().tasks));
  }
}
