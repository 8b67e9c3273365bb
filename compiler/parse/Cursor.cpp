// Moving over tokens and saying what was expected.
#include "compiler/parse/Cursor.h"

using namespace kinu;
using namespace kinu::parse;
using kinu::syntax::Token;
using kinu::syntax::TokenKind;

Cursor::Cursor(const SourceMap &sources, const std::vector<Token> &tokens, Diagnostics &diagnostics)
    : diagnostics(diagnostics), sources(sources), tokens(tokens) {
  bool startOfLine = true;
  for (uint32_t index = 0; index < tokens.size(); ++index) {
    if (tokens[index].isTrivia()) {
      startOfLine |= tokens[index].kind == TokenKind::Newline;
      continue;
    }
    significant.push_back(index);
    startsLine.push_back(startOfLine);
    startOfLine = false;
  }
}

bool Cursor::firstOnLine(size_t ahead) const { return startsLine[std::min(next + ahead, significant.size() - 1)]; }

const Token &Cursor::take() {
  const Token &token = peek();
  if (token.kind != TokenKind::EndOfFile)
    ++next;
  return token;
}

bool Cursor::accept(TokenKind kind) {
  if (!at(kind))
    return false;
  take();
  return true;
}

bool Cursor::acceptWord(llvm::StringRef word) {
  if (!atWord(word))
    return false;
  take();
  return true;
}

bool Cursor::expect(TokenKind kind) { return accept(kind) || failExpected(syntax::describe(kind)); }

bool Cursor::expectWord(llvm::StringRef word) { return acceptWord(word) || failExpected("`" + word + "`"); }

bool Cursor::expectClose(TokenKind kind, SourceRange open, llvm::StringRef alternative) {
  if (accept(kind))
    return true;
  std::string what = (alternative.empty() ? "" : alternative + " or ").str() + syntax::describe(kind).str();
  if (Diagnostic *diagnostic = reportExpected(what))
    diagnostic->also(open);
  return false;
}

bool Cursor::expectName(syntax::Name &name, llvm::StringRef what) {
  if (at(TokenKind::Word) && isReserved(text())) {
    if (!gaveUp())
      diagnostics.error("reserved-word", here(), llvm::formatv("`{0}` is a word of the language, not a name", text()))
          .suggest(llvm::formatv("choose another name, such as `{0}_`", text()));
    return false;
  }
  if (!at(TokenKind::Word))
    return failExpected(what);
  name = {text().str(), here()};
  take();
  return true;
}

Diagnostic *Cursor::reportExpectedAt(SourceRange place, const llvm::Twine &what) {
  if (hasGivenUp || at(TokenKind::Invalid))
    return nullptr;
  std::string found = at(TokenKind::EndOfFile) ? syntax::describe(TokenKind::EndOfFile).str()
                      : at(TokenKind::String)  ? "a string"
                                               : "`" + text().take_front(40).str() + "`";
  return &diagnostics.error("expected", place, "expected " + what.str() + ", found " + found);
}

Diagnostic *Cursor::reportExpected(const llvm::Twine &what) {
  SourceRange place = here();
  if ((firstOnLine() || atEnd()) && next != 0) {
    uint32_t end = tokens[significant[next - 1]].range.end;
    place = {place.file, end, end};
  }
  return reportExpectedAt(place, what);
}

Diagnostic *Cursor::reportUnknown(const llvm::Twine &what) { return reportExpectedAt(here(), what); }

bool Cursor::failExpected(const llvm::Twine &what) {
  reportExpected(what);
  return false;
}

SourceRange Cursor::since(SourceRange begin) const {
  uint32_t end = next == 0 ? begin.end : tokens[significant[next - 1]].range.end;
  return {begin.file, begin.begin, std::max(end, begin.begin)};
}

void Cursor::giveUp() {
  hasGivenUp = true;
  next = significant.size() - 1;
}
