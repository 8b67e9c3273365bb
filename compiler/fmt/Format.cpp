// Formatting: cut the tokens into lines as the tree says, decide the blanks between tokens, keep comments and single
// empty lines, and let Line.cpp break what is too long.
#include "compiler/fmt/Format.h"
#include "compiler/fmt/Line.h"
#include "compiler/fmt/Marks.h"

using namespace kinu;
using namespace kinu::fmt;
using namespace kinu::syntax;

namespace {

class Formatter {
public:
  Formatter(const File &file, const SourceMap &sources) : file(file), sources(sources), marks(collectMarks(file)) {}

  std::string run();

private:
  /// The line being gathered. One may hold a short body, `layout a { mesh data = 2 }`: it opens at piece `bodyOpen`.
  struct Line {
    std::vector<Piece> pieces;
    unsigned indent = 0;
    bool emptyLineBefore = false;
    size_t bodyOpen = SIZE_MAX;
  };

  const File &file;
  const SourceMap &sources;
  Marks marks;
  std::string out;
  Line line;
  const Token *previous = nullptr; ///< without trivia
  std::vector<uint32_t> bodyEnds;  ///< `}` of the bodies around, innermost last
  uint32_t shortBodyEnd = 0;       ///< `}` of the body that is kept on this line
  unsigned brackets = 0;           ///< open in this line
  unsigned newlines = 0;           ///< since the last token or comment
  size_t next = 0;                 ///< where the last search of nextToken ended
  bool mayLeaveLine = false;       ///< whether an empty line may come next: not at the start of a file or body

  unsigned indent() const { return 2 * bodyEnds.size(); }
  bool startsLine(const Token &token) const;
  bool staysShort(size_t open) const;
  bool needsSpace(const Token &token) const;
  int breakCost(const Token &token) const;
  void addToken(size_t index);
  void addComment(size_t index);
  void openBody(size_t index);
  const Token &nextToken(size_t index);
  void flush();
};

/// Statements start a line, unless a comma joins two clauses, and so does the `}` of a body.
bool Formatter::startsLine(const Token &token) const {
  uint32_t place = token.range.begin;
  if (place <= shortBodyEnd && shortBodyEnd != 0)
    return false;
  if (token.kind == TokenKind::EndOfFile || (!bodyEnds.empty() && place == bodyEnds.back()))
    return true;
  return marks.starts.contains(place) && !(previous && previous->kind == TokenKind::Comma);
}

/// Whether the body that opens at a token stays on its line when there is room: it is empty, or was written so and
/// holds one statement. Comments and further bodies need lines.
bool Formatter::staysShort(size_t open) const {
  uint32_t end = marks.bodies.lookup(file.tokens[open].range.begin);
  unsigned statements = 0, newlinesInside = 0;
  const Token *last = &file.tokens[open];
  for (size_t index = open + 1; file.tokens[index].range.begin < end; ++index) {
    const Token &token = file.tokens[index];
    newlinesInside += token.kind == TokenKind::Newline;
    if (token.kind == TokenKind::Comment || marks.bodies.contains(token.range.begin))
      return false;
    if (token.isTrivia())
      continue;
    statements += marks.starts.contains(token.range.begin) && last->kind != TokenKind::Comma;
    last = &token;
  }
  return statements == 0 || (statements == 1 && newlinesInside == 0);
}

bool isOpening(TokenKind kind) { return kind == TokenKind::LeftParen || kind == TokenKind::LeftBracket; }

bool Formatter::needsSpace(const Token &token) const {
  using Kind = TokenKind;
  if (!previous)
    return false;
  uint32_t place = token.range.begin, before = previous->range.begin;
  bool opensBlock = marks.bodies.contains(before) || marks.bindings.contains(before);
  switch (token.kind) {
  case Kind::RightParen:
  case Kind::RightBracket:
  case Kind::Comma:
  case Kind::Colon:
  case Kind::Dot:
  case Kind::DotDot: return false;
  case Kind::LeftBracket: return previous->kind == Kind::Arrow;
  case Kind::LeftParen:
    if (marks.callees.contains(before))
      return false;
    break;
  case Kind::LeftBrace:
    if (previous->kind == Kind::At)
      return false;
    break;
  case Kind::RightBrace:
    // Axis sets are tight, `{seq, choice}`; bodies and bindings are not, unless they are empty.
    return previous->kind != Kind::LeftBrace && (place == shortBodyEnd || marks.bindingsEnds.contains(place));
  default: break;
  }
  if (isOpening(previous->kind) || previous->kind == Kind::Dot || previous->kind == Kind::DotDot ||
      previous->kind == Kind::Ellipsis || marks.unary.contains(before))
    return false;
  return previous->kind != Kind::LeftBrace || opensBlock;
}

int Formatter::breakCost(const Token &token) const {
  if (token.kind == TokenKind::Comma)
    return brackets * depthCost + commaCost;
  if (token.kind == TokenKind::Assign && brackets == 0)
    return assignCost;
  auto found = marks.breakAfter.find(token.range.end);
  return found == marks.breakAfter.end() ? -1 : static_cast<int>(brackets * depthCost + found->second);
}

void Formatter::openBody(size_t index) {
  uint32_t end = marks.bodies.lookup(file.tokens[index].range.begin);
  if (staysShort(index)) {
    shortBodyEnd = end;
    line.bodyOpen = line.pieces.size() - 1;
  } else {
    bodyEnds.push_back(end);
  }
}

void Formatter::addToken(size_t index) {
  const Token &token = file.tokens[index];
  bool closesBody = !bodyEnds.empty() && token.range.begin == bodyEnds.back();
  if (startsLine(token)) {
    flush();
    if (closesBody)
      bodyEnds.pop_back();
    line.indent = indent();
    line.emptyLineBefore = newlines > 1 && !closesBody;
  }
  bool isBody = marks.bodies.contains(token.range.begin);
  if (!isBody && token.range.begin != shortBodyEnd) {
    brackets += isOpening(token.kind) || token.kind == TokenKind::LeftBrace;
    bool closes = token.kind == TokenKind::RightParen || token.kind == TokenKind::RightBracket ||
                  token.kind == TokenKind::RightBrace;
    brackets -= closes && brackets != 0;
  }
  line.pieces.push_back({sources.text(token.range), needsSpace(token), breakCost(token), {}});
  if (isBody)
    openBody(index);
  previous = &token;
  newlines = 0;
}

/// The first token from `index` on that is no trivia. Goes on where the last search ended: comments may be many.
const Token &Formatter::nextToken(size_t index) {
  next = std::max(next, index);
  while (file.tokens[next].isTrivia())
    ++next;
  return file.tokens[next];
}

/// A comment stays behind its token, or on a line of its own: inside a statement that goes on, or before the next one.
void Formatter::addComment(size_t index) {
  llvm::StringRef text = sources.text(file.tokens[index].range).rtrim();
  bool isTrailing = newlines == 0 && !line.pieces.empty();
  if (isTrailing || (!line.pieces.empty() && !startsLine(nextToken(index)))) {
    line.pieces.back().comments.push_back({text, !isTrailing});
  } else {
    flush();
    if (newlines > 1 && mayLeaveLine)
      out += '\n';
    out.append(indent(), ' ').append(text).append("\n");
    mayLeaveLine = true;
  }
  newlines = 0;
}

void Formatter::flush() {
  if (line.pieces.empty())
    return;
  if (line.emptyLineBefore && mayLeaveLine)
    out += '\n';
  bool tooWide = line.indent + widthOf(line.pieces) > maxWidth;
  auto begin = line.pieces.begin(), end = line.pieces.end();
  if (line.bodyOpen != SIZE_MAX && tooWide && line.bodyOpen + 2 < line.pieces.size()) {
    auto body = begin + line.bodyOpen + 1;
    layOut({begin, body}, line.indent, out);
    layOut({body, end - 1}, line.indent + 2, out += '\n');
    layOut({end - 1, end}, line.indent, out += '\n');
  } else {
    layOut(line.pieces, line.indent, out);
  }
  out += '\n';
  mayLeaveLine = bodyEnds.empty() || marks.bodies.lookup(previous->range.begin) != bodyEnds.back();
  line = Line();
  shortBodyEnd = 0;
  brackets = 0;
}

std::string Formatter::run() {
  for (size_t index = 0; index < file.tokens.size(); ++index) {
    const Token &token = file.tokens[index];
    if (token.kind == TokenKind::Newline)
      ++newlines;
    else if (token.kind == TokenKind::Comment)
      addComment(index);
    else if (!token.isTrivia() && token.kind != TokenKind::EndOfFile)
      addToken(index);
  }
  flush();
  return std::move(out);
}

} // namespace

std::string kinu::fmt::format(const File &file, const SourceMap &sources) { return Formatter(file, sources).run(); }
