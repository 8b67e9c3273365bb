// How a model is run: the clauses of `train` and `layout`. Each clause keeps its place; the parser has refused clauses
// given twice where only one makes sense.
#pragma once

#include "compiler/syntax/Expr.h"

#include <variant>

namespace kinu::syntax {

/// A string as written: `"corpus/*.txt"`.
struct StringLiteral {
  std::string value; ///< without quotes, escapes resolved
  SourceRange range;
};

/// `data "a/*.txt", "b.txt" tokenizer "corpus.model" { tokens = text, target = shift(text, 1) }`
struct DataClause {
  struct Binding {
    Name input;
    ExprPtr source;
  };
  SourceRange range;
  std::vector<StringLiteral> files;
  std::optional<StringLiteral> tokenizer;
  std::vector<Binding> bindings;
  SourceRange bindingsRange; ///< with the braces
};

/// `validation 0.1` (the last part of the text) or `validation "heldout/*.txt"`
struct ValidationClause {
  SourceRange range;
  ExprPtr fraction; ///< null when files are given
  std::vector<StringLiteral> files;
};

/// `batch 32`, `seq 1024`: the length of an axis that the run binds. Of batch: sequences per step over all ranks.
struct AxisLengthClause {
  SourceRange range;
  Name axis;
  ExprPtr length;
};

/// A clause that is one number: accumulate, steps, seed, evaluate (every N), checkpoint (every N).
struct NumberClause {
  enum class Kind { Accumulate, Steps, Seed, Evaluate, Checkpoint };
  SourceRange range;
  Kind kind = Kind::Steps;
  ExprPtr value;
};

/// `optimizer adamw(lr: cosine(peak: 6e-4), betas: (0.9, 0.95))`
struct OptimizerClause {
  SourceRange range;
  std::unique_ptr<CallExpr> call;
};

/// A part of the repeats or stages: `stages 0..4`, `layers 3`, `layers encoder.layer 0..4, decoder.layer 0..2`.
struct RangeList {
  enum class Kind { Stages, Layers };
  struct Item {
    std::vector<Name> path; ///< of a repeat; empty: the only one
    ExprPtr begin;
    ExprPtr end; ///< excluded; null: only `begin`
    SourceRange range;
  };
  Kind kind = Kind::Stages;
  std::vector<Item> items;
};

/// `precision bf16`, `precision fp16(fast, promote: 64)`; in a layout also `precision fp32 layers 0..2`
struct PrecisionClause {
  SourceRange range;
  Name type;
  std::unique_ptr<CallExpr> call; ///< null without parentheses; its callee is `type`
  std::optional<RangeList> where;
};

using TrainClause =
    std::variant<DataClause, ValidationClause, AxisLengthClause, NumberClause, OptimizerClause, PrecisionClause>;

/// `train gpt2 { ... }`
struct TrainDecl {
  SourceRange range;
  Name model;
  std::vector<TrainClause> clauses;
  SourceRange bodyRange; ///< with the braces
};

/// `nodes 13824`
struct NodesClause {
  SourceRange range;
  ExprPtr count;
};

/// `ranks 4 per group`, `ranks 1 per node`
struct RanksClause {
  SourceRange range;
  ExprPtr count;
  bool perGroup = false; ///< per memory group, else per node
};

/// `mesh data = 288 | 252, tensor = 6`
struct MeshClause {
  struct Axis {
    Name name;
    std::vector<ExprPtr> sizes; ///< the alternatives
  };
  SourceRange range;
  std::vector<Axis> axes;
};

/// `microbatch 1`
struct MicrobatchClause {
  SourceRange range;
  ExprPtr count;
};

/// `shard head, ffn on tensor`, `shard seq on tensor between blocks`, `shard token on (tensor, data)`
struct ShardClause {
  SourceRange range;
  std::vector<Name> axes;
  std::vector<Name> mesh;
  bool betweenBlocks = false;
};

/// `schedule: 1f1b`. A word such as `1f1b` is a NameExpr.
struct Option {
  Name name;
  ExprPtr value; ///< null: the option is only named
};

/// `pipeline layer on pipe, schedule: 1f1b`, `pipeline encoder.layer, decoder.layer on pipe`
struct PipelineClause {
  SourceRange range;
  std::vector<std::vector<Name>> paths;
  Name mesh;
  std::vector<Option> options;
};

/// `zero 1 on data`
struct ZeroClause {
  SourceRange range;
  ExprPtr level;
  Name mesh;
};

/// `recompute stages 0..4`
struct RecomputeClause {
  SourceRange range;
  RangeList where;
};

/// `place tensor on (y, b)`, `place strict`
struct PlaceClause {
  SourceRange range;
  bool strict = false; ///< then nothing else is set
  Name mesh;
  std::vector<Name> axes; ///< of the machine's network
};

/// `overlap gradients, bucket: 25`
struct OverlapClause {
  SourceRange range;
  std::vector<Option> options;
};

using LayoutClause = std::variant<NodesClause, RanksClause, MeshClause, MicrobatchClause, ShardClause, PipelineClause,
                                  ZeroClause, RecomputeClause, PrecisionClause, PlaceClause, OverlapClause>;

/// `layout as_trained for fugaku { ... }`
struct LayoutDecl {
  SourceRange range;
  Name name;
  std::optional<Name> machine;
  std::vector<LayoutClause> clauses;
  SourceRange bodyRange; ///< with the braces
};

} // namespace kinu::syntax
