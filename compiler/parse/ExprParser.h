// Parses expressions, and the lists of axes that statements share with them.
#pragma once

#include "compiler/parse/Cursor.h"

namespace kinu::parse {

/// Functions return null, or false, after they reported an error.
class ExprParser {
public:
  explicit ExprParser(Cursor &cursor) : cursor(cursor) {}

  syntax::ExprPtr parseExpr() { return parseBinary(0); }

  /// An expression, or `(a, b)`, which only stands behind `axis a =` and a label.
  syntax::ExprPtr parseExprOrTuple();

  /// A call and nothing else: `layernorm(over: embed)`.
  std::unique_ptr<syntax::CallExpr> parseCallOnly(llvm::StringRef what);

  /// Entries up to the closing bracket, which is taken; the opening one is next.
  bool parseAxisList(syntax::AxisList &list, syntax::TokenKind open, syntax::TokenKind close);

  /// The value of a string token, which is next.
  bool parseString(std::string &value);

  /// Strings stand only in the bindings of inputs.
  bool allowStrings = false;

private:
  Cursor &cursor;
  unsigned depth = 0;
  size_t tuplePlace = SIZE_MAX; ///< index of the token where `(a, b)` may start

  syntax::ExprPtr parseBinary(unsigned minimum);
  syntax::ExprPtr parseOperand(unsigned minimum);
  syntax::ExprPtr parseUnary(syntax::UnaryOp op, unsigned operandMinimum);
  syntax::ExprPtr parsePostfix();
  syntax::ExprPtr parsePrimary();
  syntax::ExprPtr parseWord();
  syntax::ExprPtr parseNumber();
  syntax::ExprPtr parseParenthesized();
  syntax::ExprPtr parseContract(syntax::ExprPtr left);
  syntax::ExprPtr parseCall();
  syntax::ExprPtr parseSelect(syntax::ExprPtr base);
  syntax::ExprPtr parseLabelledValue();
  bool parseArgument(syntax::CallExpr &call);
  bool parseSelectItem(syntax::SelectItem &item);
  bool parseAfterAxis(syntax::SelectItem &item);
  bool parseNameTuple(std::vector<syntax::Name> &names);
  bool parseOtherwise(std::optional<syntax::Otherwise> &otherwise);
  syntax::ExprPtr finish(syntax::ExprPtr expr, std::initializer_list<const syntax::Expr *> children);
  syntax::ExprPtr failDepth(SourceRange range);
};

} // namespace kinu::parse
