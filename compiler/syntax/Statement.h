// Statements: what stands in the body of a model, block, def or repeat. Use llvm::isa, cast and dyn_cast on Statement.
#pragma once

#include "compiler/syntax/Expr.h"

namespace kinu::syntax {

struct Statement {
  enum class Kind {
    Size,
    Axis,
    Let,
    Input,
    Weight,
    Function,
    Use,
    Repeat,
    Assign,
    Return,
    Output,
    Loss,
    Aux,
    Metric,
  };

  const Kind kind;
  SourceRange range;
  SourceRange keyword; ///< the word it starts with; the name of an assignment

  virtual ~Statement() = default;

protected:
  Statement(Kind kind, SourceRange range) : kind(kind), range(range) {}
};

using StatementPtr = std::unique_ptr<Statement>;

/// Gives a node its kind and its classof.
template <Statement::Kind K> struct StatementOf : Statement {
  explicit StatementOf(SourceRange range) : Statement(K, range) {}
  static bool classof(const Statement *statement) { return statement->kind == K; }
};

/// `{ ... }`
struct Body {
  std::vector<StatementPtr> statements;
  SourceRange range; ///< with the braces
};

/// `size vocab = 50257, width = 768`
struct SizeStatement : StatementOf<Statement::Kind::Size> {
  using StatementOf::StatementOf;
  struct Item {
    Name name;
    ExprPtr value;
  };
  std::vector<Item> items;
};

/// `axis batch, seq up to context, key like seq, token = vocab, dim = (side, half)`
struct AxisStatement : StatementOf<Statement::Kind::Axis> {
  using StatementOf::StatementOf;
  struct Item {
    enum class Kind { Bound, UpTo, Like, Length, Product };
    Kind kind = Kind::Bound;
    Name name;
    ExprPtr length;            ///< of UpTo (the most) and Length
    Name like;                 ///< of Like
    std::vector<Name> factors; ///< of Product, the last varies fastest
    SourceRange range;
  };
  std::vector<Item> items;
};

/// `let q = ...`, `let s[batch, seq] = ...`, `let theta = 500000.0`
struct LetStatement : StatementOf<Statement::Kind::Let> {
  using StatementOf::StatementOf;
  Name name;
  std::optional<AxisList> axes; ///< when declared
  ExprPtr value;
};

/// The mark behind the axes of an input or a parameter: nothing (float), `int`, `bool`, `in token` (an id).
struct TypeMark {
  enum class Kind { Float, Int, Bool, Id };
  Kind kind = Kind::Float;
  Name axis; ///< of an Id
  SourceRange range;
};

/// `input tokens, target[batch, seq] in token`. An item without axes shares axes and mark of the next that has them.
struct InputStatement : StatementOf<Statement::Kind::Input> {
  using StatementOf::StatementOf;
  struct Item {
    Name name;
    std::optional<AxisList> axes;
    TypeMark type;
  };
  std::vector<Item> items;

  /// The item whose axes and mark item `index` has; null when none is stated.
  const Item *shapeOf(size_t index) const;
};

/// `weight wq[embed, head], wk, wv[embed, group] = normal(0.02)`, `bias b[ffn] = zeros`, `gain g[embed] = ones`. An
/// item without axes or initialiser shares those of the next that has them (axes and initialiser each on their own).
struct WeightStatement : StatementOf<Statement::Kind::Weight> {
  using StatementOf::StatementOf;
  enum class Role { Weight, Bias, Gain };
  struct Item {
    Name name;
    std::optional<AxisList> axes;
    ExprPtr initialiser; ///< null when shared
  };
  Role role = Role::Weight;
  std::vector<Item> items;

  /// Null when none is stated.
  const AxisList *axesOf(size_t index) const;
  const Expr *initialiserOf(size_t index) const;
};

/// A parameter of a block or def:
///   Tensor `x[batch, seq]`, `ids[...] in a`, labelled `at p[...q] int`; Axis `over a`; Number `eps = 1e-5`, `eps`.
struct Parameter {
  enum class Kind { Tensor, Axis, Number };
  Kind kind = Kind::Tensor;
  std::optional<Name> label; ///< of an Axis and a labelled Tensor; a Number's label is its name
  Name name;
  AxisList axes;        ///< of a Tensor
  TypeMark type;        ///< of a Tensor
  ExprPtr defaultValue; ///< of a Number, null: none
  SourceRange range;
};

/// `block mlp(x[batch, embed]) -> [batch, embed] { ... }`, `def softmax(x[..., a], over a) -> [..., a] { ... }`
struct FunctionStatement : StatementOf<Statement::Kind::Function> {
  using StatementOf::StatementOf;
  bool isBlock = false; ///< else a def
  Name name;
  std::vector<Parameter> parameters;
  std::optional<AxisList> result;
  Body body;
};

/// `use ln1, ln2 = layernorm(over: embed)`
struct UseStatement : StatementOf<Statement::Kind::Use> {
  using StatementOf::StatementOf;
  std::vector<Name> names;
  std::unique_ptr<CallExpr> call;
};

/// `repeat layer = depth { ... }`
struct RepeatStatement : StatementOf<Statement::Kind::Repeat> {
  using StatementOf::StatementOf;
  Name name;
  ExprPtr count;
  Body body;
};

/// `h = h + attention(h)`
struct AssignStatement : StatementOf<Statement::Kind::Assign> {
  using StatementOf::StatementOf;
  Name name;
  ExprPtr value;
};

/// `return p @{key} v`
struct ReturnStatement : StatementOf<Statement::Kind::Return> {
  using StatementOf::StatementOf;
  ExprPtr value;
};

/// `output logits, hidden`
struct OutputStatement : StatementOf<Statement::Kind::Output> {
  using StatementOf::StatementOf;
  std::vector<Name> names;
};

/// `loss x where m`
struct LossStatement : StatementOf<Statement::Kind::Loss> {
  using StatementOf::StatementOf;
  ExprPtr value;
  ExprPtr where; ///< null: everywhere
};

/// `aux balance[batch] = ...`
struct AuxStatement : StatementOf<Statement::Kind::Aux> {
  using StatementOf::StatementOf;
  Name name;
  std::optional<AxisList> axes;
  ExprPtr value;
};

/// `metric dropped = place >= size(slot) where m`
struct MetricStatement : StatementOf<Statement::Kind::Metric> {
  using StatementOf::StatementOf;
  Name name;
  ExprPtr value;
  ExprPtr where; ///< null: everywhere
};

} // namespace kinu::syntax
