// One stage's part of a program over variables: the optimizer's update, copies of weights.
#pragma once

#include "compiler/shard/Stages.h"

#include "mlir/IR/IRMapping.h"

namespace kinu::shard {

/// Rewrites a program without layers so that it computes what the stage's variables need. A number to which variables
/// of all stages add, such as the norm of the gradient, is summed over the stages; the gradient of a weight that
/// several stages have is summed over these.
class VariableCutter {
public:
  VariableCutter(ProgramOp program, const VariableStages &stages, const StagePlan &plan)
      : program(program), stages(stages), plan(plan), b(program.getContext()) {}

  mlir::LogicalResult run();

private:
  using Place = VariableStages::Place;
  /// What the stage has of a value of the whole program.
  struct Here {
    mlir::Value value;         ///< null if nothing
    const Place *of = nullptr; ///< of the variables that it is computed from; null if it is the same on every stage
    bool isSum = false;        ///< the whole value is the sum over all stages
  };

  mlir::LogicalResult visit(mlir::Operation *op);
  void read(ReadOp op);
  bool addsOverStages(mlir::Operation *op);
  void sum(AddOp op);
  /// The value on every stage.
  mlir::Value whole(mlir::Value value);
  mlir::Operation *copy(mlir::Operation *op, const Place *of);

  ProgramOp program;
  const VariableStages &stages;
  const StagePlan &plan;
  mlir::OpBuilder b;
  llvm::DenseMap<mlir::Value, Here> known;
  llvm::StringMap<mlir::Value> gradients; ///< those that were summed over stages
};

} // namespace kinu::shard
