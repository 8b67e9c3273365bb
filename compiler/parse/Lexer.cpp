// The lexer: one pass, one function per class of token.
#include "compiler/parse/Lexer.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/ConvertUTF.h"

using namespace kinu;
using namespace kinu::parse;
using kinu::syntax::Token;
using kinu::syntax::TokenKind;

bool parse::isStatementKeyword(llvm::StringRef word) {
  return llvm::StringSwitch<bool>(word)
      .Cases({"size", "axis", "let", "input", "weight", "bias", "gain", "block"}, true)
      .Cases({"def", "use", "repeat", "return", "output", "loss", "aux", "metric"}, true)
      .Default(false);
}

bool parse::isTopLevelKeyword(llvm::StringRef word) {
  return word == "import" || word == "model" || word == "train" || word == "layout";
}

bool parse::isReserved(llvm::StringRef word) {
  if (word == "bias" || word == "gain") // natural names of weights: `gain gain[a] = ones`
    return false;
  return isStatementKeyword(word) || isTopLevelKeyword(word) ||
         llvm::StringSwitch<bool>(word)
             .Cases({"and", "or", "not", "true", "false", "inf", "as", "else"}, true)
             .Default(false);
}

bool parse::endsOperand(TokenKind kind) {
  return kind == TokenKind::Word || kind == TokenKind::Number || kind == TokenKind::RightParen ||
         kind == TokenKind::RightBracket;
}

namespace {

bool isWordStart(char c) { return llvm::isAlpha(c) || c == '_'; }
bool isWordPart(char c) { return llvm::isAlnum(c) || c == '_'; }

class Lexer {
public:
  Lexer(const SourceMap &sources, FileId file, Diagnostics &diagnostics)
      : text(sources.text(file)), file(file), diagnostics(diagnostics) {}

  std::vector<Token> run() {
    if (refuseBinary()) {
      push(TokenKind::EndOfFile, 0);
      return std::move(tokens);
    }
    if (text.starts_with("\xef\xbb\xbf"))
      push(TokenKind::Space, 3); // a byte order mark
    while (position < text.size())
      lexToken();
    push(TokenKind::EndOfFile, 0);
    return std::move(tokens);
  }

private:
  llvm::StringRef text;
  FileId file;
  Diagnostics &diagnostics;
  std::vector<Token> tokens;
  uint32_t position = 0;
  std::vector<char> brackets;              ///< open ones
  TokenKind previous = TokenKind::Newline; ///< on this line, without trivia; Newline at the start of a line

  llvm::StringRef rest() const { return text.drop_front(position); }
  SourceRange ahead(uint32_t length) const { return {file, position, position + length}; }

  void push(TokenKind kind, uint32_t length) {
    tokens.push_back({kind, ahead(length)});
    position += length;
    if (kind == TokenKind::Newline || kind > TokenKind::Comment)
      previous = kind;
  }

  void pushInvalid(uint32_t length, std::string message, std::string help = "") {
    diagnostics.error("unexpected-character", ahead(length), std::move(message)).suggest(std::move(help));
    push(TokenKind::Invalid, length);
  }

  bool refuseBinary();
  void lexToken();
  void lexWord();
  void lexNumber();
  void lexString();
  void lexComment();
  void lexPunctuation();
  void lexStray();
  bool dividesHere() const;
};

/// Reports the first byte that cannot stand in a text. Everything after it would be noise.
bool Lexer::refuseBinary() {
  size_t nul = text.find('\0');
  auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  const llvm::UTF8 *valid = begin;
  bool isText = llvm::isLegalUTF8String(&valid, begin + text.size());
  size_t broken = isText ? llvm::StringRef::npos : valid - begin;
  if (nul == llvm::StringRef::npos && isText)
    return false;
  position = std::min(nul, broken);
  if (nul < broken)
    diagnostics.error("nul-byte", ahead(1), "a NUL byte: this is not a text file");
  else
    diagnostics.error("invalid-utf8", ahead(1), "this byte is not UTF-8")
        .suggest("save the file with the encoding UTF-8");
  position = text.size();
  return true;
}

void Lexer::lexToken() {
  char c = text[position];
  if (c == '\n')
    push(TokenKind::Newline, 1);
  else if (rest().starts_with("\r\n"))
    push(TokenKind::Newline, 2);
  else if (c == '\r')
    push(TokenKind::Space, 1);
  else if (c == ' ' || c == '\t')
    push(TokenKind::Space, rest().take_while([](char blank) { return blank == ' ' || blank == '\t'; }).size());
  else if (isWordStart(c))
    lexWord();
  else if (llvm::isDigit(c))
    lexNumber();
  else if (c == '"')
    lexString();
  else if (rest().starts_with("//") && !dividesHere())
    lexComment();
  else
    lexPunctuation();
}

void Lexer::lexWord() {
  llvm::StringRef word = rest().take_while(isWordPart);
  // A statement never starts inside parentheses: what is open was forgotten, and `//` is a comment again. (`size(a)`
  // and a label, `input:`, are no statements.)
  llvm::StringRef after = rest().drop_front(word.size()).ltrim(" \t");
  bool startsStatement = (isStatementKeyword(word) && isReserved(word)) || isTopLevelKeyword(word);
  if (previous == TokenKind::Newline && startsStatement && !after.empty() && isWordStart(after.front()))
    brackets.clear();
  push(TokenKind::Word, word.size());
}

/// digits [. digits] [e [+-] digits]; the dot must have a digit after it, since `0..4` is a range.
void Lexer::lexNumber() {
  llvm::StringRef source = rest();
  auto digitAt = [&](size_t at) { return at < source.size() && llvm::isDigit(source[at]); };
  auto skipDigits = [&](size_t at) {
    while (digitAt(at))
      ++at;
    return at;
  };
  size_t end = skipDigits(0);
  if (end < source.size() && source[end] == '.' && digitAt(end + 1))
    end = skipDigits(end + 1);
  if (end < source.size() && (source[end] == 'e' || source[end] == 'E')) {
    size_t exponent = end + 1;
    if (exponent < source.size() && (source[exponent] == '+' || source[exponent] == '-'))
      ++exponent;
    if (digitAt(exponent))
      end = skipDigits(exponent);
  }
  if (end == source.size() || !isWordPart(source[end]))
    return push(TokenKind::Number, end);
  while (end < source.size() && isWordPart(source[end]))
    ++end;
  push(TokenKind::NumberWord, end);
}

void Lexer::lexString() {
  llvm::StringRef source = rest();
  for (size_t end = 1; end < source.size() && source[end] != '\n'; ++end) {
    if (source[end] == '"')
      return push(TokenKind::String, end + 1);
    if (source[end] == '\\' && end + 1 < source.size() && source[end + 1] != '\n')
      ++end;
  }
  uint32_t length = source.take_until([](char c) { return c == '\n' || c == '\r'; }).size();
  diagnostics.error("unterminated-string", ahead(length), "a string has no closing `\"` on its line");
  push(TokenKind::Invalid, length);
}

bool Lexer::dividesHere() const { return !brackets.empty() && brackets.back() != '{' && endsOperand(previous); }

void Lexer::lexComment() {
  llvm::StringRef comment = rest().take_until([](char c) { return c == '\n'; });
  comment.consume_back("\r");
  push(TokenKind::Comment, comment.size());
}

TokenKind punctuation(llvm::StringRef source, uint32_t &length) {
  static constexpr std::pair<llvm::StringLiteral, TokenKind> table[] = {
      {"...", TokenKind::Ellipsis},
      {"..", TokenKind::DotDot},
      {"->", TokenKind::Arrow},
      {"==", TokenKind::EqualEqual},
      {"!=", TokenKind::NotEqual},
      {"<=", TokenKind::LessEqual},
      {">=", TokenKind::GreaterEqual},
      {"//", TokenKind::SlashSlash},
      {"(", TokenKind::LeftParen},
      {")", TokenKind::RightParen},
      {"[", TokenKind::LeftBracket},
      {"]", TokenKind::RightBracket},
      {"{", TokenKind::LeftBrace},
      {"}", TokenKind::RightBrace},
      {",", TokenKind::Comma},
      {":", TokenKind::Colon},
      {".", TokenKind::Dot},
      {"=", TokenKind::Assign},
      {"@", TokenKind::At},
      {"|", TokenKind::Bar},
      {"<", TokenKind::Less},
      {">", TokenKind::Greater},
      {"+", TokenKind::Plus},
      {"-", TokenKind::Minus},
      {"*", TokenKind::Star},
      {"/", TokenKind::Slash},
      {"%", TokenKind::Percent},
      {"^", TokenKind::Caret},
  };
  for (const auto &[spelling, kind] : table)
    if (source.starts_with(spelling)) {
      length = spelling.size();
      return kind;
    }
  return TokenKind::Invalid;
}

void Lexer::lexPunctuation() {
  uint32_t length = 0;
  TokenKind kind = punctuation(rest(), length);
  if (kind == TokenKind::Invalid)
    return lexStray();
  char c = text[position];
  if (c == '(' || c == '[' || c == '{')
    brackets.push_back(c);
  else if ((c == ')' || c == ']' || c == '}') && !brackets.empty())
    brackets.pop_back();
  push(kind, length);
}

/// Bytes that start no token; the habits of other languages get a hint.
void Lexer::lexStray() {
  llvm::StringRef source = rest();
  if (source.starts_with("&&"))
    return pushInvalid(2, "`&&` is no operator", "write `and`");
  if (source.starts_with("!"))
    return pushInvalid(1, "`!` is no operator", "write `not`");
  if (source.starts_with(";"))
    return pushInvalid(1, "`;` has no meaning", "statements end by themselves: leave it out");
  if (source.starts_with("#"))
    return pushInvalid(source.take_until([](char c) { return c == '\n'; }).size(), "`#` has no meaning",
                       "comments start with `//`");
  // A run of characters beyond ASCII is one error.
  uint32_t length = source.take_while([](char c) { return static_cast<unsigned char>(c) >= 0x80; }).size();
  length = std::max<uint32_t>(length, 1);
  llvm::StringRef stray = source.take_front(length);
  std::string shown = llvm::isPrint(stray.front()) || length > 1
                          ? "`" + (length > 40 ? "..." : stray.str()) + "`"
                          : llvm::formatv("the control character {0:x}", unsigned(stray.front())).str();
  pushInvalid(length, shown + " cannot stand here", length > 1 ? "names are letters, digits and `_` of ASCII" : "");
}

} // namespace

std::vector<Token> parse::lex(const SourceMap &sources, FileId file, Diagnostics &diagnostics) {
  return Lexer(sources, file, diagnostics).run();
}
