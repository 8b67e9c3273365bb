// The same products by oneDNN's matmul.
#pragma once

#include "test/bench/gemm/Products.h"

#include <functional>
#include <memory>

namespace kinu::bench {

enum class Precision { fp32, bf16 };

/// Where a product's matrices lie.
struct Operands {
  void *left, *right, *result;
};

/// A matmul primitive. With `preferredLayout` the right operand has been copied to the layout that oneDNN likes best
/// before, and the copy is not timed; else it is read as it lies. Operands in `precision`, the result in
/// `resultPrecision`.
std::function<void()> oneDnnProduct(const Product &product, const Operands &operands, Precision precision,
                                    Precision resultPrecision, bool preferredLayout);

} // namespace kinu::bench
