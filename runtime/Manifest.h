// What the compiler tells the runtime about the executable, as structs: parsed from the JSON embedded in it.
//
// All offsets and sizes are bytes in the arena. The manifest is written by the compiler of the same version, so a
// malformed one is an internal error (108), found before anything runs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kinu::rt {

enum class DType { F32, I64, I1 };
int64_t dtypeBytes(DType dtype); ///< 4, 8, 1: a bool is one byte

struct Axis {
  std::string name;
  int64_t length;
};

/// How an axis of a tensor is shared out over ranks: over axes of the mesh, the first outermost.
struct Split {
  std::vector<std::string> on;
  int64_t parts = 1;
};

/// The rounds of a whole variable that a stage of a pipeline has: from `first` on. A stage of several chunks of layers
/// has those of one chunk behind those of the other.
struct Cut {
  std::string axis;
  int64_t first = 0, whole = 0;
  std::vector<int64_t> chunks; ///< of each the first round and the number of rounds; empty for one chunk
};

/// A dense array in the arena; the last axis is contiguous. Of a tensor that ranks share it is this rank's part.
struct Buffer {
  std::string name;
  DType dtype = DType::F32;
  std::vector<Axis> axes;
  int64_t offset = 0, bytes = 0;
  std::map<std::string, Split, std::less<>> split; ///< of the axes that are
  std::optional<Cut> cut;
  std::map<std::string, int64_t, std::less<>> real; ///< of axes that are padded: the whole length without padding
  std::string stageAxis;            ///< of the mesh: along it stand the stages of a pipeline; empty without one
  std::vector<std::string> sumOver; ///< of an output: axes of the mesh along which ranks have parts of a sum
  bool keptByOtherStage = false;    ///< another stage has it, too, and writes it

  int64_t elements() const;
  /// Length of an axis in the whole tensor, which all ranks have together, without padding.
  int64_t wholeLength(std::string_view axis) const;
  int64_t wholeElements() const;
  /// Distance in elements between neighbours along `axis`, 0 if the buffer does not have it.
  int64_t stride(std::string_view axis) const;
  /// Length along `axis`, 1 if the buffer does not have it.
  int64_t length(std::string_view axis) const;
};

enum class Role { Weight, Bias, Gain, Moment1, Moment2, Gradient };
/// Whether it is trained: a weight, bias or gain.
bool isParameter(Role role);

enum class InitKind { Normal, TruncatedNormal, Uniform, Zeros, Ones };
struct Initializer {
  InitKind kind = InitKind::Zeros;
  double a = 0, b = 0; ///< mean and standard deviation, or the two ends of uniform
};

struct Variable : Buffer {
  Role role = Role::Weight;
  std::string of; ///< the parameter a moment or gradient belongs to
  Initializer init;
  int64_t place = 0; ///< among the variables of all stages
};

struct Input : Buffer {
  std::optional<int64_t> below; ///< ids must be in [0, below)
};

struct ProgramInterface {
  std::vector<Input> inputs;
  std::vector<Buffer> outputs;
  const Input *input(std::string_view name) const;   ///< null if there is none
  const Buffer *output(std::string_view name) const; ///< null if there is none
};

/// Where the values of an input come from: language.md, Train.
struct Source {
  enum class Kind { Text, Shift, Document, Position, Line, Present, Piece, Random } kind = Kind::Text;
  std::shared_ptr<Source> of; ///< shift, present
  int64_t by = 0;             ///< shift
  int64_t field = 0;          ///< line
  std::string text;           ///< piece
};

struct Binding {
  std::string input;
  Source source;
};

struct LearningRate {
  enum class Kind { Constant, Linear, Cosine } kind = Kind::Constant;
  double peak = 0, floor = 0;
  int64_t warmup = 0; ///< steps
};

struct Optimizer {
  LearningRate rate;
  double beta1 = 0.9, beta2 = 0.999;
};

struct DataPlan {
  std::vector<std::string> files, validationFiles; ///< glob patterns
  std::string tokenizer;                           ///< a sentencepiece model; may be empty if no binding reads text
  double validation = 0;                           ///< last part of the text kept for validation, in [0, 1)
  std::vector<Binding> bindings;
};

struct TrainPlan {
  int64_t batch = 1, microBatches = 1, seq = 1, steps = 0;
  uint64_t seed = 1;
  int64_t evaluateEvery = 0, checkpointEvery = 0; ///< steps, 0: only at the end
  Optimizer optimizer;
  DataPlan data;
};

/// Where ranks stand on the machine: tofu.placement. `digits`: mesh axis, slot, values, stride.
struct Placement {
  std::vector<int64_t> lengths;
  std::vector<int64_t> digits;
};

/// One pass of a pipeline's stage over a micro-batch.
struct Pass {
  enum class Kind { Forward, Backward, Weights } kind = Kind::Forward; ///< the last: gradients of weights
  int64_t microBatch = 0, store = 0; ///< the store holds what the forward pass leaves to the backward pass
  int64_t chunk = 0;                 ///< of the stage's layers
  /// The program that does it: `backward`, or `backward.1` for the second chunk.
  std::string program() const;
};
/// `backward` of `backward.1`: what kind of pass a program is.
std::string_view kindOfProgram(std::string_view program);

/// The stage of a pipeline that this executable is of.
struct Pipeline {
  std::string axis; ///< of the mesh
  std::vector<Variable> elsewhere; ///< of other stages: whole, and nowhere in the arena
  std::vector<Pass> schedule;      ///< of a step
};

struct Manifest {
  std::string model, specHash, machine, kinuVersion;
  double peakFlopsPerCore = 0; ///< of products at the run's precision
  int64_t arenaBytes = 0;
  std::vector<Axis> mesh; ///< of ranks; empty for one
  std::optional<Placement> placement;
  std::vector<Variable> variables;
  std::map<std::string, ProgramInterface, std::less<>> programs;
  std::optional<double> lossCount; ///< elements the loss of a global batch averages over, if static
  TrainPlan train;
  std::map<std::string, double, std::less<>> modelled; ///< seconds of one launch by kernel; empty: nobody asked
  std::optional<Pipeline> pipeline;

  const ProgramInterface *program(std::string_view name) const; ///< null if there is none
};

/// Parses and checks the manifest: every buffer lies in the arena and has the bytes its axes say.
/// Throws Failure (Exit::Internal).
Manifest parseManifest(const char *json);

} // namespace kinu::rt
