// What the formatter has to know of the tree: tokens alone do not tell a unary minus from a binary one.
#pragma once

#include "compiler/syntax/Tree.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace kinu::fmt {

/// Places are byte offsets of tokens.
struct Marks {
  llvm::DenseSet<uint32_t> starts;               ///< first tokens of items, statements and clauses
  llvm::DenseMap<uint32_t, uint32_t> bodies;     ///< `{` of a body to its `}`
  llvm::DenseSet<uint32_t> bindings;             ///< `{` of the bindings of inputs
  llvm::DenseSet<uint32_t> bindingsEnds;         ///< and their `}`
  llvm::DenseSet<uint32_t> callees;              ///< names whose `(` follows without a blank
  llvm::DenseSet<uint32_t> unary;                ///< unary minus
  llvm::DenseMap<uint32_t, unsigned> breakAfter; ///< END of a binary operator to the cost of breaking the line there
};

/// Costs of breaking a line, before depth counts: a comma is best, then the loosest operator;
/// behind the `=` of a statement comes after those in one pair of parentheses.
constexpr unsigned commaCost = 0, depthCost = 16, assignCost = depthCost + 8;

Marks collectMarks(const syntax::File &file);

} // namespace kinu::fmt
