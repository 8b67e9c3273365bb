// The typed model: what `check` hands to `import`.
//
// A TypedModel is a model spec after elaboration: every def, block and instance is expanded at its call, every axis has
// a length, every value an element type and named axes. `repeat` stays a region. Nothing in it can be ill-typed: check
// has reported every user error before. Kinds of nodes map one to one to operations of the kinu dialect.
#pragma once

#include "compiler/support/Diagnostics.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kinu::typed {

/// Float is real-valued (f32 in the graph), Int is 64-bit, Bool one bit.
enum class Element { Float, Int, Bool };

/// A named axis with its length; the order of axes in a Type means nothing except in Variable::axes.
struct Axis {
  std::string name;
  int64_t length = 1;
  bool operator==(const Axis &) const = default;
};

struct Type {
  Element element = Element::Float;
  std::vector<Axis> axes; ///< empty for a scalar

  const Axis *find(std::string_view name) const;
  /// Number of elements; check guarantees that it fits.
  int64_t elements() const;
};

// clang-format off
/// What a Value computes. Elementwise kinds (Neg to ToInt, Where, Fp32) give the union of their operands' axes, in the
/// order in which they are first met; a missing axis is broadcast.
enum class Kind {
  // Leaves.
  Input,        ///< name: the input
  ReadVariable, ///< name: the variable's path; operands: one Round per enclosing repeat axis, outermost first
  Constant,     ///< a scalar: number (Float), integer (Int, and 0/1 for Bool)
  AxisIndex,    ///< Int [axis]: the index along axes[0]
  Random,       ///< Float in [0,1): name is the site; operands: the Rounds of the enclosing repeats, outermost first
  Carried,      ///< region argument of a repeat: the value at the start of a round
  Round,        ///< region argument of a repeat: the scalar Int index of the round
  // Elementwise, one operand.
  Neg, Abs, Exp, Log, Sqrt, Rsqrt, Tanh, Erf, Sin, Cos, Not,
  ToFloat,      ///< of Int or Bool
  ToInt,        ///< of Float, rounding down, or of Bool
  Fp32,         ///< the operand, asking for fp32
  // Elementwise, two operands of the same element.
  Add, Sub, Mul,        ///< Float or Int
  Div, Pow,             ///< Float
  FloorDiv, Mod,        ///< Int, rounding down; the sign of Mod is the divisor's
  Max, Min,             ///< Float or Int
  And, Or,              ///< Bool
  Eq, Ne, Lt, Le, Gt, Ge, ///< Bool result; Eq and Ne also of Bools
  Where,        ///< operands: condition (Bool), value if true, value if false
  // Contractions and reductions.
  Dot,          ///< sum over `axes` of the product of two Float operands; other shared axes are carried
  Sum, MaxOver, MinOver, ///< reduction of operand 0 over `axes` (Float or Int; bools are converted by ToInt first)
  CumSum,       ///< inclusive running sum along axes[0]
  // Data movement.
  Lookup,       ///< operands: source, then one Int index per axis of `axes`, which it replaces; see otherwise
  Scatter,      ///< operands: x, then one Int index per axis of `targets`; sums over `axes`; see drop
  Top,          ///< Int: indices along axes[0] of the targets[0].length largest, largest first; ties: lowest index
  Rename,       ///< axes[0] becomes targets[0]
  Slice,        ///< integer: offset; axes[0] becomes targets[0], with its length
  Split,        ///< axes[0] becomes the axes `targets`, the last varying fastest
  Join,         ///< the axes `axes` (the last varying fastest) become targets[0]
  Concat,       ///< operands joined end to end: axes[i] is the axis of operand i; all become targets[0]
  // Control.
  Repeat,       ///< no value of its own: see Repeat
  RepeatResult, ///< operand 0: the Repeat; integer: which carried value
};
// clang-format on

/// The keyword of a kind in dumps, e.g. "axis_index".
std::string_view name(Kind kind);

struct Value;

/// Values in the order in which they are computed: operands stand before their uses, in this region or one around it.
struct Region {
  std::vector<Value *> values;
};

/// A loop whose rounds differ only in the index: body(carried, round) gives the next carried values.
/// Sums of `aux` and `metric` over the rounds are ordinary carried values that start at 0.
struct RepeatLoop {
  std::string axis; ///< name of the loop: its index inside, and the leading axis of the variables made inside
  int64_t count = 0;
  Value *round = nullptr;
  struct CarriedValue {
    Value *initial = nullptr;  ///< outside
    Value *argument = nullptr; ///< Kind::Carried, inside
    Value *next = nullptr;     ///< inside: the value at the end of a round
  };
  std::vector<CarriedValue> carried;
  Region body;
};

/// A node of the graph; which fields mean something is said at its Kind.
struct Value {
  Kind kind = Kind::Constant;
  Type type;
  std::vector<Value *> operands;
  std::string name;
  double number = 0;
  int64_t integer = 0;
  std::vector<std::string> axes;
  std::vector<Axis> targets;
  /// Lookup: the number read where an index is out of range; none if the checker proved all indices in range.
  std::optional<double> otherwise;
  /// Scatter: indices may be out of range, and what they carry is dropped.
  bool drop = false;
  std::unique_ptr<RepeatLoop> repeat; ///< Kind::Repeat
  SourceRange range;
};

struct Initialiser {
  enum class Kind { Normal, TruncatedNormal, Uniform, Zeros, Ones };
  Kind kind = Kind::Zeros;
  double a = 0; ///< Normal, TruncatedNormal: mean; Uniform: lower end
  double b = 0; ///< Normal, TruncatedNormal: standard deviation (cut at 2); Uniform: upper end (excluded)
};

enum class Role { Weight, Bias, Gain }; ///< weight decay applies to Weight only

struct Variable {
  std::string path; ///< `layer.attention.wq`
  Role role = Role::Weight;
  std::vector<Axis> axes; ///< in storage order, the last fastest: repeat axes first, then as declared
  int64_t repeatAxes = 0; ///< how many leading axes are repeat axes
  Initialiser initialiser;
  SourceRange range;
};

struct Input {
  std::string name;
  Type type;
  std::optional<int64_t> below; ///< ids: every element is in [0, below), checked by the runtime
  SourceRange range;
};

struct Output {
  std::string name;
  Value *value = nullptr;
};

/// The mean of `value` over its elements where `mask` holds (everywhere if null), over the global batch.
/// `mask` has axes of `value` only; missing ones are broadcast.
struct Loss {
  Value *value = nullptr;
  Value *mask = nullptr;
};

/// Added to the loss: the mean over the global batch of `value`, Float [batch], rounds of repeats already summed.
struct Aux {
  std::string name;
  Value *value = nullptr;
};

/// Reported: sum over the global batch of `sum` divided by that of `count`. Both are Float, either scalars or [batch],
/// every other axis and the rounds of repeats already summed.
struct Metric {
  std::string name;
  Value *sum = nullptr;
  Value *count = nullptr;
};

/// Where the values of an input come from (language.md, Train).
struct Source {
  enum class Kind { Text, Shift, Document, Position, Line, Present, Piece, Random };
  Kind kind = Kind::Text;
  std::vector<Source> of;        ///< Shift, Present: what they are of (one)
  int64_t number = 0;            ///< Shift: how far; Line: which field, from 0
  std::string piece;             ///< Piece: the piece of the tokenizer
  std::vector<std::string> axes; ///< Random
};

struct Binding {
  std::string input;
  Source source;
  SourceRange range;
};

struct Schedule {
  enum class Kind { Constant, Linear, Cosine };
  Kind kind = Kind::Constant;
  double peak = 0;
  int64_t warmup = 0; ///< steps of linear growth from 0 to peak
  double floor = 0;   ///< reached at the last step
};

struct Optimizer {
  enum class Kind { AdamW, Sgd };
  Kind kind = Kind::AdamW;
  Schedule rate;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double decay = 0;    ///< weight decay, applied to variables of role Weight
  double clip = 0;     ///< largest norm of the whole gradient; 0: no clipping
  double momentum = 0; ///< Sgd
};

enum class Precision { Fp32, Bf16, Fp16 };

struct TrainConfig {
  int64_t batch = 1;         ///< sequences per step over all ranks
  int64_t accumulate = 1;    ///< micro-batches per step on one rank; divides batch
  std::vector<Axis> lengths; ///< bound axes other than batch: seq = 1024
  int64_t steps = 0;
  int64_t seed = 1;
  int64_t evaluateEvery = 0, checkpointEvery = 0; ///< in steps; 0: only at the end
  Optimizer optimizer;
  Precision precision = Precision::Fp32;
  int64_t promote = 0; ///< fast fp16: so many terms of a product are summed in fp16, those sums in fp32; 0: safe
  SourceRange precisionRange;
  std::vector<std::string> files; ///< glob patterns
  std::string tokenizer;          ///< path of a sentencepiece model
  double validation = 0;          ///< the last part of the text kept for validation, in [0, 1)
  std::vector<std::string> validationFiles;
  std::vector<Binding> bindings;
  SourceRange range;
};

/// One statement of a layout, in order, e.g. {"shard", {"head","ffn"}, {"tensor"}, "between blocks"}.
struct LayoutRule {
  std::string verb;                  ///< its first word, such as nodes, shard or pipeline
  std::vector<std::string> subjects; ///< axes of the model, or repeat paths, or numbers as text
  std::vector<std::string> mesh;     ///< mesh axes (or torus axes for `place`)
  std::string detail;                ///< `between blocks`, a schedule, `per node`
  SourceRange range;
};

struct MeshAxis {
  std::string name;
  std::vector<int64_t> degrees; ///< alternatives, e.g. 288 | 252 | 224
};

struct Layout {
  std::string name, machine;
  std::vector<MeshAxis> mesh;
  std::vector<LayoutRule> rules;
  SourceRange range;
};

/// A checked model for given lengths of the run's axes. Values live as long as it does.
struct Model {
  std::string name;
  std::vector<Variable> variables;
  std::vector<Input> inputs;
  Region body;
  std::vector<Output> outputs;
  std::optional<Loss> loss;
  std::vector<Aux> auxes;
  std::vector<Metric> metrics;
  std::optional<TrainConfig> train;
  std::vector<Layout> layouts;
  bool training = true; ///< what `training` was elaborated to

  /// Makes a node owned by this model; the caller puts it into a region.
  Value *make(Kind kind, Type type, SourceRange range);

  const Variable *findVariable(std::string_view path) const;

  /// Number of elements of all variables together (tied weights once).
  int64_t parameterCount() const;

  /// Readable listing, one value a line, for --emit and tests.
  std::string dump() const;

private:
  std::deque<Value> arena;
};

/// Number of elements of one variable, all rounds of its repeats together.
int64_t parameterCount(const Variable &variable);

} // namespace kinu::typed

namespace kinu {
using TypedModel = typed::Model;
}
