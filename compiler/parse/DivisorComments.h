// `//` is both the start of a comment and, in parentheses, division that rounds down.
#pragma once

#include "compiler/parse/Lexer.h"

#include "llvm/ADT/StringSet.h"

namespace kinu::parse {

/// Reports comments that read like a divisor, `let half = width // 2`, since the division would silently be dropped.
/// Prose (two words in a row) and shapes (`[batch]`) never do. A single word is reported only when it is one of
/// `integers`, the names that can divide: `// tied` is a fine comment.
void reportDivisorComments(llvm::ArrayRef<syntax::Token> tokens, const llvm::StringSet<> &integers,
                           const SourceMap &sources, Diagnostics &diagnostics);

} // namespace kinu::parse
