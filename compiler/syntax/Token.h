// Tokens of a source file. Every byte of a file belongs to exactly one token, so a tree with its tokens is lossless.
#pragma once

#include "compiler/syntax/Source.h"

namespace kinu::syntax {

enum class TokenKind : uint8_t {
  // Trivia: the parser does not see these.
  Space,   ///< blanks and tabs
  Newline, ///< one line end, `\n` or `\r\n`
  Comment, ///< from `//` up to the line end
  // Words and literals. Keywords are words: which are special depends on where they stand.
  Word,
  Number,
  NumberWord, ///< digits that run into letters, `1f1b`
  String,
  // Punctuation
  LeftParen,
  RightParen,
  LeftBracket,
  RightBracket,
  LeftBrace,
  RightBrace,
  Comma,
  Colon,
  Dot,
  DotDot,
  Ellipsis,
  Assign,
  Arrow,
  At,
  Bar,
  // Operators
  EqualEqual,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Plus,
  Minus,
  Star,
  Slash,
  SlashSlash,
  Percent,
  Caret,
  Invalid,   ///< reported by the lexer
  EndOfFile, ///< empty, the last token
};

struct Token {
  TokenKind kind = TokenKind::EndOfFile;
  SourceRange range;

  bool isTrivia() const { return kind <= TokenKind::Comment; }
};

/// How messages name a kind: "`{`", "a name".
llvm::StringRef describe(TokenKind kind);

} // namespace kinu::syntax
