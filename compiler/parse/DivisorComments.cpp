// Tells a divisor from prose by the alternation of operands and operators.
#include "compiler/parse/DivisorComments.h"

using namespace kinu;
using namespace kinu::parse;
using kinu::syntax::Token;
using kinu::syntax::TokenKind;

static bool isWordPart(char c) { return llvm::isAlnum(c) || c == '_'; }

/// Whether the text of a comment, up to a second `//`, is an expression: operands and operators take turns.
static bool readsAsDivisor(llvm::StringRef comment, const llvm::StringSet<> &integers) {
  llvm::StringRef text = comment.drop_front(2).split("//").first.trim();
  if (text.empty() || !(isWordPart(text.front()) || text.front() == '('))
    return false;
  if (!llvm::isDigit(text.front()) && llvm::all_of(text, isWordPart))
    return integers.contains(text);
  bool wantsOperand = true;
  while (!text.empty()) {
    char c = text.front();
    bool isOperand = isWordPart(c);
    if (isOperand ? !wantsOperand : !llvm::StringRef("+-*/%^(),").contains(c))
      return false;
    wantsOperand = !isOperand && c != ')';
    text = isOperand ? text.drop_while([](char part) { return isWordPart(part) || part == '.'; }).ltrim()
                     : text.drop_front().ltrim();
  }
  return !wantsOperand;
}

void parse::reportDivisorComments(llvm::ArrayRef<Token> tokens, const llvm::StringSet<> &integers,
                                  const SourceMap &sources, Diagnostics &diagnostics) {
  bool followsOperand = false; // on this line
  for (const Token &token : tokens) {
    if (token.kind == TokenKind::Comment && followsOperand && readsAsDivisor(sources.text(token.range), integers))
      diagnostics
          .error("comment-reads-as-division", token.range,
                 "`//` starts a comment here, but the comment reads like a divisor")
          .suggest("to divide write the division in parentheses, `(a // b)`; else reword the comment");
    if (token.kind != TokenKind::Space)
      followsOperand = endsOperand(token.kind);
  }
}
