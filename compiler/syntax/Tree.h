// The syntax tree of a file: made by parse, read by check and fmt.
#pragma once

#include "compiler/syntax/Run.h"
#include "compiler/syntax/Statement.h"
#include "compiler/syntax/Token.h"

namespace kinu::syntax {

/// `import std`, `import "layers.kinu"` (relative to the importing file)
struct ImportDecl {
  SourceRange range;
  Name module; ///< of the first form, else empty
  std::optional<StringLiteral> path;
};

/// `model gpt2 { ... }`
struct ModelDecl {
  SourceRange range;
  Name name;
  Body body;
};

/// What stands at the top of a file; a FunctionStatement is a `def` or `block` (std is a file of them).
using Item = std::variant<ImportDecl, ModelDecl, std::unique_ptr<FunctionStatement>, TrainDecl, LayoutDecl>;

/// A parsed file. Where the source has errors, the statements that could not be parsed are missing.
struct File {
  FileId id = 0;
  std::vector<Item> items;   ///< in the order of the source
  std::vector<Token> tokens; ///< every byte of the source, trivia included, up to EndOfFile
};

/// Writes the tree as indented s-expressions, for `--emit=tree`.
void dump(const File &file, llvm::raw_ostream &out);

} // namespace kinu::syntax
