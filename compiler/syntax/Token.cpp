// The names of the kinds of tokens.
#include "compiler/syntax/Token.h"

namespace kinu::syntax {

llvm::StringRef describe(TokenKind kind) {
  switch (kind) {
  case TokenKind::Space: return "blanks";
  case TokenKind::Newline: return "a line end";
  case TokenKind::Comment: return "a comment";
  case TokenKind::Word: return "a name";
  case TokenKind::Number: return "a number";
  case TokenKind::NumberWord: return "a word";
  case TokenKind::String: return "a string";
  case TokenKind::LeftParen: return "`(`";
  case TokenKind::RightParen: return "`)`";
  case TokenKind::LeftBracket: return "`[`";
  case TokenKind::RightBracket: return "`]`";
  case TokenKind::LeftBrace: return "`{`";
  case TokenKind::RightBrace: return "`}`";
  case TokenKind::Comma: return "`,`";
  case TokenKind::Colon: return "`:`";
  case TokenKind::Dot: return "`.`";
  case TokenKind::DotDot: return "`..`";
  case TokenKind::Ellipsis: return "`...`";
  case TokenKind::Assign: return "`=`";
  case TokenKind::Arrow: return "`->`";
  case TokenKind::At: return "`@`";
  case TokenKind::Bar: return "`|`";
  case TokenKind::EqualEqual: return "`==`";
  case TokenKind::NotEqual: return "`!=`";
  case TokenKind::Less: return "`<`";
  case TokenKind::LessEqual: return "`<=`";
  case TokenKind::Greater: return "`>`";
  case TokenKind::GreaterEqual: return "`>=`";
  case TokenKind::Plus: return "`+`";
  case TokenKind::Minus: return "`-`";
  case TokenKind::Star: return "`*`";
  case TokenKind::Slash: return "`/`";
  case TokenKind::SlashSlash: return "`//`";
  case TokenKind::Percent: return "`%`";
  case TokenKind::Caret: return "`^`";
  case TokenKind::Invalid: return "an invalid character";
  case TokenKind::EndOfFile: return "the end of the file";
  }
  llvm_unreachable("every kind is named");
}

} // namespace kinu::syntax
