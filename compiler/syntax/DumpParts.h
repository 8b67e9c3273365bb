// Parts of the dump of a tree: expressions and clauses.
#pragma once

#include "compiler/syntax/Tree.h"

namespace kinu::syntax {

/// `(@{embed} x wq)`: operators and calls in prefix form.
void dumpExpr(const Expr &expr, llvm::raw_ostream &out);
/// `[batch seq ...q]`
void dumpAxes(const AxisList &axes, llvm::raw_ostream &out);
void dumpString(llvm::StringRef value, llvm::raw_ostream &out);
std::string joinNames(llvm::ArrayRef<Name> names, llvm::StringRef separator);

/// One clause a line.
void dumpClauses(const TrainDecl &train, llvm::raw_ostream &out);
void dumpClauses(const LayoutDecl &layout, llvm::raw_ostream &out);

} // namespace kinu::syntax
