// One stage's part of a program that runs through the layers: the pipeline's repeat, what stands before it and after
// it.
#pragma once

#include "compiler/shard/CutBackward.h"

#include "mlir/IR/IRMapping.h"

namespace kinu::shard {

/// Writes the programs of a stage in front of the whole program. Their messages are variables of role `message`, what a
/// forward pass leaves to the backward pass of the same micro-batch variables of role `stash`: the runtime has a set of
/// both for each micro-batch that is under way.
class StepCutter {
public:
  StepCutter(ProgramOp whole, const StepParts &parts, const StagePlan &plan)
      : whole(whole), parts(parts), plan(plan), b(whole.getContext()) {}

  /// What the stage does forward. With gradients the losses of a micro-batch stay on the last stage, and the last stage
  /// also begins the backward pass; without, every stage gets the outputs.
  void forward(llvm::StringRef name);
  void backward(llvm::StringRef name);
  /// The same in two programs: the first one hands over to the stage before, the second one computes gradients of
  /// weights.
  void backwardInHalves(llvm::StringRef name, llvm::StringRef weights);

private:
  using Stacked = llvm::function_ref<mlir::Value(mlir::OpBuilder &, unsigned, mlir::Value)>;
  using Saved = llvm::function_ref<void(mlir::OpBuilder &, unsigned, mlir::Value, mlir::Value)>;

  void begin(llvm::StringRef name);
  /// The value in the program under way: what it depends on anywhere is computed again.
  mlir::Value demand(mlir::Value value);
  /// This stage's rounds of a repeat. `stacked` gives a round its slices, `saved` keeps what it saves.
  RepeatOp chunk(RepeatOp repeat, mlir::ValueRange carried, Stacked stacked, Saved saved,
                 const BackwardHalves *halves = nullptr);
  /// This stage's rounds of the second half of a backward repeat.
  void weightsChunk(const BackwardHalves &halves, Stacked stacked);
  void backward(llvm::StringRef name, const BackwardHalves *halves);
  mlir::Value recall(mlir::OpBuilder &inner, unsigned stacked, mlir::Value round);
  mlir::StringRef handedStash(unsigned number, mlir::Value value);
  /// The round of the whole model that this stage's round is.
  mlir::Value wholeRound(mlir::OpBuilder &inner, mlir::Value local);
  /// The totals over this stage and those before it in `from`'s direction, and what the repeat carries.
  llvm::SmallVector<mlir::Value> handedOn(RepeatOp made, llvm::ArrayRef<mlir::Value> received);
  void send(mlir::ValueRange values, int64_t peer, int64_t tag);
  llvm::SmallVector<mlir::Value> receive(RepeatOp repeat, int64_t peer, int64_t tag);
  void accumulate(StepParts::Part part);
  void outputs();
  void keepInputs();
  mlir::Value zeros(NamedTensorType type);
  /// A variable of this stage's, made if it is not there.
  mlir::StringRef variable(std::string name, llvm::StringRef role, NamedTensorType type);
  std::string stashOf(unsigned saved);
  int64_t upTag() { return parts.forward().getResults().size() + parts.forward().getSums().size(); }

  ProgramOp whole, program;
  const StepParts &parts;
  const StagePlan &plan;
  mlir::OpBuilder b;
  mlir::IRMapping made;
};

} // namespace kinu::shard
