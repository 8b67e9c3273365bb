// Cuts a file into tokens. Every byte belongs to one token.
#pragma once

#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/Token.h"

#include <vector>

namespace kinu::parse {

/// The tokens of a file, trivia included, with EndOfFile last. Reports bytes that are no token (they become Invalid
/// tokens). A file with a NUL byte or invalid UTF-8 is no text: one error, and only EndOfFile is returned.
///
/// `//` divides when it follows an operand on its line inside `( )` or `[ ]`; anywhere else it starts a comment.
std::vector<syntax::Token> lex(const SourceMap &sources, FileId file, Diagnostics &diagnostics);

/// Whether an expression may end with this token, so that an operator can follow.
bool endsOperand(syntax::TokenKind kind);

/// Whether a word starts a statement, such as `let`.
bool isStatementKeyword(llvm::StringRef word);

/// Whether a word starts an item that only stands at the top of a file: import, model, train, layout.
bool isTopLevelKeyword(llvm::StringRef word);

/// Whether a word cannot be a name.
bool isReserved(llvm::StringRef word);

} // namespace kinu::parse
