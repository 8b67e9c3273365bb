// One statement, header or clause on its way to text.
#pragma once

#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace kinu::fmt {

/// Lines are broken to stay within this many columns where they can be.
constexpr unsigned maxWidth = 120;

/// A comment inside a line: behind its token, or on lines of its own below it.
struct InnerComment {
  llvm::StringRef text;
  bool ownLine = false;
};

/// A token and what the layout may do around it.
struct Piece {
  llvm::StringRef text;
  bool spaceBefore = false;
  int breakCost = -1; ///< of ending the line after it; -1: never
  std::vector<InnerComment> comments;
};

/// Writes the pieces with `indent` blanks in front, without a line end. Broken lines go on four blanks deeper. The
/// result depends only on the pieces, so formatting it again gives the same.
void layOut(const std::vector<Piece> &pieces, unsigned indent, std::string &out);

/// Columns the pieces take in one line, comments left out.
unsigned widthOf(const std::vector<Piece> &pieces);

} // namespace kinu::fmt
