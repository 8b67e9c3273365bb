// A product compiled by Kinu into this process.
#pragma once

#include "test/bench/gemm/OneDnn.h"
#include "test/vectorize/KernelRun.h"

namespace kinu::bench {

/// The text of the kernel, as fuse would write it.
std::string kernelText(const Product &product, Precision precision, Precision resultPrecision);

/// The kernel on its operands, run by `threads` threads as the runtime would: contiguous ranges of tasks, each in a
/// few pieces (but none taken from another thread). `scratch` holds `scratchBytes` for each thread.
std::function<void()> ourProduct(const Product &product, const test::CompiledKernel &kernel, const Operands &operands,
                                 char *scratch, int threads);
/// Of one thread, so that the next one's is aligned.
int64_t scratchBytes(const test::CompiledKernel &kernel);

} // namespace kinu::bench
