// The formatter behind `kinu fmt`.
#pragma once

#include "compiler/syntax/Tree.h"

namespace kinu::fmt {

/// The source of `file` in the one way Kinu is written: two blanks a level, one statement or clause a line (clauses
/// joined by commas stay together), at most 120 columns where a statement can be broken, no more than one empty line in
/// a row, one blank around operators. Comments stay at the token or line they were written at; line ends become `\n`.
/// Formatting twice changes nothing. The file must have been parsed without errors.
std::string format(const syntax::File &file, const SourceMap &sources);

} // namespace kinu::fmt
