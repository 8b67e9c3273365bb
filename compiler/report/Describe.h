// What a kernel computes, in a few words.
#pragma once

#include "dialects/step/Step.h"

namespace kinu::report {

/// Such as "4096x768x3072 product, add, tanh" or "sum, div, mul of [batch=4, seq=1024, embed=768]": rows x sums x
/// columns of a product, else the largest tensor, and the kinds of ops in their order.
std::string describeKernel(step::KernelOp kernel);

} // namespace kinu::report
