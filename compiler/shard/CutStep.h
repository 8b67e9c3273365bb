// One stage's part of a program that runs through the layers: the pipeline's repeat, what stands before it and after
// it. A stage of several chunks of the layers has a program of each kind for each of them.
#pragma once

#include "compiler/shard/CutBackward.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/BitVector.h"

namespace kinu::shard {

/// The same program, of which backward rounds compute again what forward rounds would save, for the rounds that are
/// cut out of it instead of the program itself.
struct ComputedAgain {
  StepParts parts;
  llvm::BitVector rounds; ///< of the model
};

/// Writes the programs of a stage in front of the whole program. Their messages are variables of role `message`, what a
/// forward pass leaves to the backward pass of the same micro-batch and chunk variables of role `stash`: the runtime
/// has a set of both for each that is under way. What they receive in a step is a `message`, too, but once only: in
/// memory that nothing else uses it may arrive while the pass before computes.
class StepCutter {
public:
  StepCutter(ProgramOp whole, const StepParts &parts, const StagePlan &plan, const ComputedAgain *again = nullptr)
      : whole(whole), parts(parts), again(again), pair(&parts), plan(plan), b(whole.getContext()) {}

  /// `forward`, `backward` and, if the latter is in two halves, `weights`; `forward.1` and so on for further chunks.
  /// Losses of a micro-batch stay with the last chunk, which also begins the backward pass. Of two halves the first one
  /// hands over to the chunk before, the second one computes gradients of weights.
  void step(bool inHalves);
  /// A program without gradients: all chunks one after another. Every stage gets the outputs.
  void evaluation(llvm::StringRef name);

private:
  using Stacked = llvm::function_ref<mlir::Value(mlir::OpBuilder &, unsigned, mlir::Value)>;
  using Saved = llvm::function_ref<void(mlir::OpBuilder &, unsigned, mlir::Value, mlir::Value)>;

  /// Rounds of a chunk, one behind the other, that are cut out of the same repeats.
  struct Segment {
    int64_t begin, end;
    bool again;
  };
  llvm::SmallVector<Segment> segments() const;
  void enter(const Segment &segment);
  void leave();

  void begin(llvm::StringRef name);
  void forward(llvm::StringRef name);
  void backward(llvm::StringRef name, bool inHalves);
  void weights(llvm::StringRef name);
  /// The rounds of the chunk, with what they receive and send; the last chunk's results are those of the repeat.
  void forwardRounds();
  /// What the last chunk keeps for the beginning of the backward pass.
  void keepSeeds();
  void useLocalRound(mlir::Operation *op, mlir::Value round, mlir::Value local);
  /// The value in the program under way: what it depends on anywhere is computed again.
  mlir::Value demand(mlir::Value value);
  /// This stage's rounds of a repeat. `stacked` gives a round its slices, `saved` keeps what it saves.
  RepeatOp chunk(RepeatOp repeat, mlir::ValueRange carried, Stacked stacked, Saved saved,
                 const BackwardHalves *halves = nullptr);
  /// This stage's rounds of the second half of a backward repeat.
  void weightsChunk(const BackwardHalves &halves, Stacked stacked);
  mlir::Value recall(mlir::OpBuilder &inner, unsigned stacked, mlir::Value round);
  mlir::StringRef handedStash(unsigned number, mlir::Value value);
  /// The round of the whole model that this chunk's round is.
  mlir::Value wholeRound(mlir::OpBuilder &inner, mlir::Value local);
  /// The totals over this chunk and those before it, and what the repeat carries.
  llvm::SmallVector<mlir::Value> handedOn(RepeatOp made, llvm::ArrayRef<mlir::Value> received);
  /// To and from the chunk at a place. Tags tell apart the values, the directions and the receiving chunks.
  void send(mlir::ValueRange values, int64_t place, int64_t tag);
  llvm::SmallVector<mlir::Value> receive(RepeatOp repeat, int64_t place, int64_t tag);
  int64_t tagOf(int64_t receiver, int64_t tag) { return receiver / plan.count() * tagsOfChunk() + tag; }
  void accumulate(StepParts::Part part);
  void outputs();
  void keepInputs();
  mlir::Value zeros(NamedTensorType type);
  /// A variable of this stage's, made if it is not there.
  mlir::StringRef variable(std::string name, llvm::StringRef role, NamedTensorType type, bool inStore = true);
  std::string stashOf(unsigned saved);
  /// Chunks take turns in what stores hold: what has as many rounds has the same names.
  std::string nameOfStash(llvm::Twine name);
  int64_t upTag() { return messagesOf(parts.forward()); }
  int64_t tagsOfChunk() { return upTag() + (parts.backward() ? messagesOf(parts.backward()) : 0); }
  static int64_t messagesOf(RepeatOp repeat) { return repeat.getResults().size() + repeat.getSums().size(); }

  ProgramOp whole, program;
  const StepParts &parts;
  const ComputedAgain *again;
  const StepParts *pair; ///< the repeats of the segment
  StagePlan plan;
  mlir::OpBuilder b;
  mlir::IRMapping made;
};

} // namespace kinu::shard
