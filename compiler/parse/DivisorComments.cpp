// Tells a divisor from prose by the alternation of operands and operators.
#include "compiler/parse/DivisorComments.h"

using namespace kinu;
using namespace kinu::parse;
using kinu::syntax::Token;
using kinu::syntax::TokenKind;

enum class Reading { Prose, Word, Expression };

static bool isWordPart(char c) { return llvm::isAlnum(c) || c == '_'; }

/// How the text of a comment reads, up to a second `//`.
static Reading readComment(llvm::StringRef comment) {
  llvm::StringRef text = comment.drop_front(2).split("//").first.trim();
  if (text.empty() || !(isWordPart(text.front()) || text.front() == '('))
    return Reading::Prose;
  if (!llvm::isDigit(text.front()) && llvm::all_of(text, isWordPart))
    return Reading::Word;
  bool wantsOperand = true;
  while (!text.empty()) {
    char c = text.front();
    bool isOperand = isWordPart(c);
    if (isOperand && !wantsOperand)
      return Reading::Prose;
    if (!isOperand && !llvm::StringRef("+-*/%^(),").contains(c))
      return Reading::Prose;
    wantsOperand = !isOperand && c != ')';
    text = isOperand ? text.drop_while([](char part) { return isWordPart(part) || part == '.'; }).ltrim()
                     : text.drop_front().ltrim();
  }
  return wantsOperand ? Reading::Prose : Reading::Expression;
}

/// `ranges` are in order and do not overlap.
static bool isInside(SourceRange place, llvm::ArrayRef<SourceRange> ranges) {
  auto *after = llvm::partition_point(ranges, [&](SourceRange range) { return range.begin <= place.begin; });
  return after != ranges.begin() && place.end <= std::prev(after)->end;
}

void parse::reportDivisorComments(llvm::ArrayRef<Token> tokens, llvm::ArrayRef<SourceRange> exactRanges,
                                  const SourceMap &sources, Diagnostics &diagnostics) {
  const Token *previous = nullptr; // on this line, without blanks
  for (const Token &token : tokens) {
    if (token.kind == TokenKind::Newline)
      previous = nullptr;
    bool followsOperand = token.kind == TokenKind::Comment && previous && endsOperand(previous->kind);
    Reading reading = followsOperand ? readComment(sources.text(token.range)) : Reading::Prose;
    if (reading == Reading::Expression || (reading == Reading::Word && isInside(previous->range, exactRanges)))
      diagnostics
          .error("comment-reads-as-division", token.range,
                 "`//` starts a comment here, but the comment reads like a divisor")
          .suggest("to divide write the division in parentheses, `(a // b)`; else reword the comment");
    if (!token.isTrivia())
      previous = &token;
  }
}
