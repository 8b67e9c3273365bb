// A place in the tokens of a file: looking ahead, taking, and reporting what was expected.
#pragma once

#include "compiler/parse/Lexer.h"
#include "compiler/syntax/Expr.h"

namespace kinu::parse {

class Cursor {
public:
  /// `tokens` ends with EndOfFile and outlives the cursor.
  Cursor(const SourceMap &sources, const std::vector<syntax::Token> &tokens, Diagnostics &diagnostics);

  const syntax::Token &peek(size_t ahead = 0) const {
    return tokens[significant[std::min(next + ahead, significant.size() - 1)]];
  }
  llvm::StringRef text(size_t ahead = 0) const { return sources.text(peek(ahead).range); }
  bool at(syntax::TokenKind kind, size_t ahead = 0) const { return peek(ahead).kind == kind; }
  bool atWord(llvm::StringRef word, size_t ahead = 0) const {
    return at(syntax::TokenKind::Word, ahead) && text(ahead) == word;
  }
  bool atEnd() const { return at(syntax::TokenKind::EndOfFile); }
  /// Whether the token ahead is the first of its line, or the last (before trivia).
  bool firstOnLine(size_t ahead = 0) const;
  bool lastOnLine() const { return firstOnLine(1) || at(syntax::TokenKind::EndOfFile, 1); }

  /// Steps over a token; stays at EndOfFile.
  const syntax::Token &take();
  bool accept(syntax::TokenKind kind);
  bool acceptWord(llvm::StringRef word);

  /// Takes a token of this kind, or reports that it was expected and returns false.
  bool expect(syntax::TokenKind kind);
  /// Takes the closing bracket of `open`, or reports what is missing; `alternative` names what else could stand here.
  bool expectClose(syntax::TokenKind kind, SourceRange open, llvm::StringRef alternative = "`,`");
  bool expectWord(llvm::StringRef word);
  /// Takes a word that may be a name; `what` says what it names ("the name of an axis").
  bool expectName(syntax::Name &name, llvm::StringRef what);

  /// Reports "expected X, found Y" at the next token, or behind the last one when the next is on another line.
  /// Silent when a lexer error or giving up explains the problem. Returns false.
  bool failExpected(const llvm::Twine &what);
  Diagnostic *reportExpected(const llvm::Twine &what);
  /// The same always at the next token, which starts something new: a statement, a clause, an item.
  Diagnostic *reportUnknown(const llvm::Twine &what);

  /// The range from `begin` to the end of the last token taken.
  SourceRange since(SourceRange begin) const;
  SourceRange here() const { return peek().range; }
  size_t index() const { return next; }

  /// Ends parsing: everything left is skipped and nothing is reported any more.
  void giveUp();
  bool gaveUp() const { return hasGivenUp; }

  Diagnostics &diagnostics;
  const SourceMap &sources;

private:
  Diagnostic *reportExpectedAt(SourceRange place, const llvm::Twine &what);

  const std::vector<syntax::Token> &tokens;
  std::vector<uint32_t> significant; ///< indices of tokens that are no trivia
  std::vector<bool> startsLine;      ///< of each of them
  size_t next = 0;
  bool hasGivenUp = false;
};

} // namespace kinu::parse
