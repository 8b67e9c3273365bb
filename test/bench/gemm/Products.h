// The matrix products of training steps, with their axes in the order that AssignLayouts gives them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kinu::bench {

struct Length {
  std::string name;
  int64_t length;
};
using Lengths = std::vector<Length>;
int64_t count(const Lengths &axes);

/// One `kinu.dot`, and the same as matrices: result[rows, columns] = left[rows, sums] right[sums, columns], each stored
/// row by row, or column by column if `...Transposed`; the result row by row.
struct Product {
  std::string name; ///< "gpt2 up forward"
  std::string model;
  Lengths lhs, rhs, result; ///< axes in memory order
  int64_t rows, columns, sums;
  bool leftTransposed, rightTransposed;
  bool leftIsLhs; ///< else the matrix product's left operand is the dot's second one
  /// The gradient of a weight, which is kept in fp32 whatever the operands are; other results are as the operands.
  bool sumsTokens = false;

  double operations() const { return 2.0 * double(rows) * double(columns) * double(sums); }
};

/// Every linear layer of GPT-2, LLaMA-7B and the 13B model under tensor parallel 6: forward, gradient of the input,
/// gradient of the weight. Tokens are 4096 for GPT-2 and fewer where a product would take seconds.
std::vector<Product> trainingProducts();

} // namespace kinu::bench
