// The parser: from the text of a file to its tree.
#pragma once

#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/Tree.h"

namespace kinu::parse {

/// The deepest expression, and the most blocks within blocks, that a spec may have. Bounds every recursion over a tree.
constexpr unsigned maxDepth = 200;

/// Parses a file. Never null: what could not be parsed is reported and missing. The grammar is in docs/language.md.
std::unique_ptr<syntax::File> parseFile(const SourceMap &sources, FileId file, Diagnostics &diagnostics);

} // namespace kinu::parse
