// The stages of a pipeline: which rounds of the model's repeat each has, which part of a step an op belongs to, and
// which variables a stage keeps.
#pragma once

#include "dialects/tofu/Tofu.h"

#include "mlir/IR/BuiltinOps.h"

namespace kinu::shard {

/// What the attribute `kinu.pipeline` of a module says: `repeat`, the axis of the repeat that is cut; `on`, the mesh
/// axis of the stages; `bounds`, the first round of each stage and the number of rounds; `schedule`, a word of the
/// language.
struct StagePlan {
  mlir::StringAttr repeat, on, schedule;
  llvm::SmallVector<int64_t> bounds;
  int64_t stage = 0; ///< the one that is being made

  /// Fails with an error if the attribute is missing or makes no sense.
  static mlir::FailureOr<StagePlan> of(mlir::ModuleOp module, int64_t stage);

  int64_t count() const { return static_cast<int64_t>(bounds.size()) - 1; }
  bool isFirst() const { return stage == 0; }
  bool isLast() const { return stage + 1 == count(); }
  int64_t begin() const { return bounds[stage]; }
  int64_t rounds() const { return bounds[stage + 1] - bounds[stage]; }
  /// A type with the axis of the repeat as long as this stage has rounds.
  NamedTensorType local(NamedTensorType whole) const;
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
