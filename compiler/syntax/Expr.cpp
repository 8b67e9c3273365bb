// Spellings of operators.
#include "compiler/syntax/Expr.h"

namespace kinu::syntax {

llvm::StringRef spelling(BinaryOp op) {
  constexpr llvm::StringLiteral spellings[] = {
      "or", "and", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "^"};
  return spellings[static_cast<size_t>(op)];
}

} // namespace kinu::syntax
