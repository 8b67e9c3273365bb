// Expressions of the syntax tree. Nodes are plain data; use llvm::isa, cast and dyn_cast on Expr.
#pragma once

#include "compiler/syntax/Source.h"

#include "llvm/Support/Casting.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kinu::syntax {

/// A name as written, with its place.
struct Name {
  std::string text;
  SourceRange range;

  bool operator==(llvm::StringRef other) const { return text == other; }
};

/// One entry of a list of axes: `embed`, or the rest axes `...` and `...q`.
struct AxisEntry {
  Name name; ///< for rest axes the word after the dots, with empty text for plain `...`
  bool isRest = false;
  SourceRange range; ///< with the dots
};

/// `[batch, seq]`, `{head, dim}`: the range includes the brackets.
struct AxisList {
  std::vector<AxisEntry> entries;
  SourceRange range;
};

struct Expr {
  enum class Kind { Number, Bool, Infinity, String, Name, Tuple, AxisSet, Unary, Binary, Contract, Call, Select };

  const Kind kind;
  SourceRange range;
  unsigned height = 1; ///< levels of the tree from here down; the parser bounds it, so recursion over it is safe

  virtual ~Expr() = default;

protected:
  Expr(Kind kind, SourceRange range) : kind(kind), range(range) {}
};

using ExprPtr = std::unique_ptr<Expr>;

/// Gives a node its kind and its classof.
template <Expr::Kind K> struct ExprOf : Expr {
  explicit ExprOf(SourceRange range) : Expr(K, range) {}
  static bool classof(const Expr *expr) { return expr->kind == K; }
};

/// `12` or `0.5e-3`. A whole number (no dot, no exponent) is an int and fits in int64.
struct NumberExpr : ExprOf<Expr::Kind::Number> {
  using ExprOf::ExprOf;
  bool isInt = false;
  int64_t integer = 0; ///< only of an int
  double real = 0;     ///< of both
};

/// `true`, `false`.
struct BoolExpr : ExprOf<Expr::Kind::Bool> {
  using ExprOf::ExprOf;
  bool value = false;
};

/// `inf`.
struct InfinityExpr : ExprOf<Expr::Kind::Infinity> {
  using ExprOf::ExprOf;
};

/// `"<mask>"`: only in bindings of inputs (`piece("<mask>")`).
struct StringExpr : ExprOf<Expr::Kind::String> {
  using ExprOf::ExprOf;
  std::string value; ///< without quotes, escapes resolved
};

/// A value, a size, an axis (its index), `training`, `zeros`, `bf16`, ...
struct NameExpr : ExprOf<Expr::Kind::Name> {
  using ExprOf::ExprOf;
  std::string name;
};

/// `(0.9, 0.95)`: two or more, only as a labelled argument and after `axis a =`.
struct TupleExpr : ExprOf<Expr::Kind::Tuple> {
  using ExprOf::ExprOf;
  std::vector<ExprPtr> elements;
};

/// `{seq, choice}` as the value of a labelled argument. `over: a` alone is a NameExpr.
struct AxisSetExpr : ExprOf<Expr::Kind::AxisSet> {
  using ExprOf::ExprOf;
  AxisList axes;
};

enum class UnaryOp { Negate, Not };

struct UnaryExpr : ExprOf<Expr::Kind::Unary> {
  using ExprOf::ExprOf;
  UnaryOp op = UnaryOp::Negate;
  SourceRange opRange;
  ExprPtr operand;
};

enum class BinaryOp {
  Or,
  And,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power,
};

/// The operator as written, `<=`.
llvm::StringRef spelling(BinaryOp op);

struct BinaryExpr : ExprOf<Expr::Kind::Binary> {
  using ExprOf::ExprOf;
  BinaryOp op = BinaryOp::Add;
  SourceRange opRange;
  ExprPtr left, right;
};

/// `x @{embed} w`: multiply and sum over the named axes.
struct ContractExpr : ExprOf<Expr::Kind::Contract> {
  using ExprOf::ExprOf;
  SourceRange opRange; ///< `@{embed}`
  AxisList axes;
  ExprPtr left, right;
};

/// What `else` says of an index out of range: a value to take instead, or to drop the element.
struct Otherwise {
  ExprPtr value; ///< null: `else drop`
  SourceRange range;
};

/// One argument: `x`, `over: key`, or `expert = pick` (scatter).
struct Argument {
  enum class Kind { Positional, Labelled, Index };
  Kind kind = Kind::Positional;
  Name label; ///< the label, or the axis of an Index; empty of a Positional
  ExprPtr value;
  SourceRange range;
};

/// `softmax(s, over: key)`, `scatter(x, over: {s}, a = i else drop)`. Functions are not values: the callee is a name.
struct CallExpr : ExprOf<Expr::Kind::Call> {
  using ExprOf::ExprOf;
  Name callee;
  std::vector<Argument> arguments;
  std::optional<Otherwise> otherwise;
};

/// One item of `x[...]`:
///   Lookup `a = i`; Slice `dim = 0..n as half`; Rename `seq as key`; Split `dim as (side, half)`;
///   Join `(side, half) as dim`.
struct SelectItem {
  enum class Kind { Lookup, Slice, Rename, Split, Join };
  Kind kind = Kind::Lookup;
  std::vector<Name> from; ///< the axis, or the factors of a Join
  std::vector<Name> to;   ///< the new axis, or the factors of a Split; empty of a Lookup
  ExprPtr index;          ///< of a Lookup
  ExprPtr begin, end;     ///< of a Slice; end is excluded
  SourceRange range;
};

/// `w[a = i, b = j else 0]`.
struct SelectExpr : ExprOf<Expr::Kind::Select> {
  using ExprOf::ExprOf;
  ExprPtr base;
  std::vector<SelectItem> items;
  std::optional<Otherwise> otherwise;
};

} // namespace kinu::syntax
