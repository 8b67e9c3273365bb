// The stages of a pipeline: which rounds of the model's repeat each has, which part of a step an op belongs to, and
// which variables a stage keeps.
#pragma once

#include "dialects/tofu/Tofu.h"

#include "mlir/IR/BuiltinOps.h"

namespace kinu::shard {

/// What the attribute `kinu.pipeline` of a module says: `repeat`, the axis of the repeat that is cut; `on`, the mesh
/// axis of the stages; `bounds`, the first round of each chunk and the number of rounds; `schedule`, a word of the
/// language; `chunks`, how many a stage has, if not 1. Chunks go round the stages: the first ones of all stages, then
/// the second ones, and so on.
struct StagePlan {
  mlir::StringAttr repeat, on, schedule;
  llvm::SmallVector<int64_t> bounds;
  int64_t chunks = 1;
  int64_t stage = 0, chunk = 0; ///< those that are being made
  /// Of the chunk, the rounds that are being made, from the first to behind the last; none: all.
  std::optional<std::pair<int64_t, int64_t>> segment;

  /// Fails with an error if the attribute is missing or makes no sense.
  static mlir::FailureOr<StagePlan> of(mlir::ModuleOp module, int64_t stage);

  /// Of stages.
  int64_t count() const { return (static_cast<int64_t>(bounds.size()) - 1) / chunks; }
  /// The chunk's place among all, in the order of the layers.
  int64_t place() const { return chunk * count() + stage; }
  bool isFirst() const { return place() == 0; }
  bool isLast() const { return place() + 1 == count() * chunks; }
  /// The rounds of the chunk, or of its segment.
  int64_t begin() const { return segment ? segment->first : bounds[place()]; }
  int64_t end() const { return segment ? segment->second : bounds[place() + 1]; }
  int64_t rounds() const { return end() - begin(); }
  /// Rounds that the stage has before these, and in all.
  int64_t roundsBefore() const;
  int64_t roundsOfStage() const;
  /// A type with the axis of the repeat as long as this stage, or the chunk, has rounds.
  NamedTensorType local(NamedTensorType whole) const { return withRounds(whole, roundsOfStage()); }
  NamedTensorType ofChunk(NamedTensorType whole) const { return withRounds(whole, rounds()); }
  NamedTensorType withRounds(NamedTensorType whole, int64_t rounds) const;
};

/// A program that has the pipeline's repeat, and perhaps its backward repeat: which part of a step each op belongs to.
///
/// `Anywhere` depends on no layer: inputs, weights that are read, masks, embeddings. It is computed in each stage that
/// wants it. `Head` depends on the last layer, and belongs to the last stage; `Tail` depends on the backward repeat,
/// and belongs to the first.
class StepParts {
public:
  enum Part { Anywhere, Head, Tail };

  /// Fails with an error where what a layer needs would have to come past its neighbours.
  static mlir::FailureOr<StepParts> of(ProgramOp program, const StagePlan &plan);

  Part partOf(mlir::Operation *op) const { return parts.lookup(op); }
  Part partOf(mlir::Value value) const { return value.getDefiningOp() ? partOf(value.getDefiningOp()) : Anywhere; }
  /// The summands of what is added to a gradient, each computed by one stage alone.
  llvm::SmallVector<mlir::Value> addends(mlir::Value value) const;

  RepeatOp forward() const { return forwardRepeat; }
  RepeatOp backward() const { return backwardRepeat; } ///< null in a program without gradients

private:
  mlir::LogicalResult check();

  RepeatOp forwardRepeat, backwardRepeat;
  llvm::DenseMap<mlir::Operation *, Part> parts;
};

/// The pipeline's repeat in a program, if it has it.
RepeatOp findForward(ProgramOp program, const StagePlan &plan);

/// A reduction over stages, all or some. No two of a program are alike: what one stage computes once must not be two
/// for another, or they would wait for each other.
mlir::Value sumOverStages(mlir::OpBuilder &builder, mlir::Value value, const StagePlan &plan,
                          mlir::DenseI64ArrayAttr among = {});

/// Values from outside of an op that its regions use.
llvm::SetVector<mlir::Value> regionValues(mlir::Operation *op);
/// These and the op's operands.
llvm::SetVector<mlir::Value> outsideValues(mlir::Operation *op);

/// Where the variables of a model are kept.
class VariableStages {
public:
  static mlir::FailureOr<VariableStages> of(mlir::ModuleOp module, const StagePlan &plan);

  struct Place {
    bool split = false;                ///< each stage keeps the slices of its rounds
    llvm::SmallVector<int64_t> stages; ///< those that keep it
    bool has(int64_t stage) const { return llvm::is_contained(stages, stage); }
  };
  /// Of a variable, by that of the parameter that it belongs to.
  const Place &of(VariableOp variable) const;

private:
  void gather(const StepParts &parts, const StagePlan &plan);
  void note(mlir::Value value, int64_t stage);
  void noteRepeat(RepeatOp repeat, const StagePlan &plan);
  void noteRead(ReadOp read, bool split, int64_t stage);
  /// The parameter that a variable is, or belongs to.
  mlir::StringAttr parameter(VariableOp variable) const;

  mlir::ModuleOp module;
  llvm::DenseMap<mlir::StringAttr, Place> places;
  llvm::DenseSet<std::pair<mlir::Operation *, int64_t>> noted;
};

} // namespace kinu::shard
