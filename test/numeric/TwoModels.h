// One spec twice: interpreted in double precision right after `differentiate`, and compiled by the whole pipeline.
//
// The interpreted graph has seen neither `recognise` nor anything behind it, so every later stage is compared with it.
// In low precision it is the graph that `precision` leaves, in which every rounding is explicit.
#pragma once

#include "CompiledModel.h"

#include "compiler/interpret/Interpreter.h"
#include "mlir/IR/OwningOpRef.h"

namespace kinu::test {

/// By how much two values differ, for messages.
struct Difference {
  double relative = 0; ///< the largest norm of a difference over the norm it is allowed to be relative to
  std::string of;
};

struct TwoModelsOptions {
  /// Tolerances are those of fp32 times this: in low precision a difference in the last place of an fp32 sum may be one
  /// in the last place of 16 bits.
  double slack = 1;
  int64_t lossChunkBytes = 128 << 20;                  ///< for losses of small models to be cut into chunks
  machines::Machine machine = machines::detectLocal(); ///< whose kernels must run here
};

class TwoModels {
public:
  /// `defines` as by `-D`; a test fails, and `ok` is false, where the spec does not compile.
  TwoModels(const std::string &spec, const std::map<std::string, int64_t> &defines, TwoModelsOptions options = {});

  bool ok() const { return compiled && compiled->ok(); }
  const typed::TrainConfig &train() const { return *plan->train; }

  /// Draws weights as the spec says; the optimizer's moments are zeroed.
  void initializeWeights(uint64_t seed);
  /// Draws weights large enough for every part of the model to matter, the same for both; moments are zeroed.
  void drawWeights(uint64_t seed);

  /// Counts, runs every micro-batch (of very many, the first four) and compares the loss: relative 1e-5. Gradients are
  /// left in the variables.
  void accumulate(int64_t step);
  /// Runs the optimizer.
  void update(int64_t step);
  /// Runs a program other than those of training and compares its outputs: relative 1e-5 by norm, ints exactly.
  void runAndCompare(llvm::StringRef program);

  /// Every gradient against the reference: ‖g - ref‖ <= 1e-4 max(‖ref‖, floor ‖all gradients‖). The floor is for
  /// gradients that are zero in exact arithmetic, such as a key bias's, where what is left is the rounding of much
  /// larger terms.
  Difference compareGradients(double floor) const;
  /// Variables of the given role: ‖w - ref‖, less what storing w in fp32 costs in two steps, over what the steps
  /// changed, ‖ref - reference before‖. Those whose gradient is zero but for rounding are left out: AdamW amplifies it.
  Difference compareChanges(llvm::StringRef role, const std::map<std::string, interpret::Tensor> &before) const;

  interpret::Interpreter &reference() { return *interpreter; }
  CompiledModel &model() { return *compiled; }
  double lossDifference = 0; ///< relative, of the last `accumulate`
  double lossScale = 1024;   ///< in fp16; the gradients of both are multiples by it
  TaskOrder order = TaskOrder::OneByOneFromTheLast;

private:
  /// Computes 16-bit copies of weights, after these were set.
  void refresh();
  bool import(const std::string &spec, const std::map<std::string, int64_t> &defines);
  void setBoth(VariableOp variable, const interpret::Tensor &value);
  void run(llvm::StringRef program, std::map<std::string, interpret::Tensor> inputs);
  std::map<std::string, interpret::Tensor> inputsOf(llvm::StringRef program, int64_t step, int64_t micro,
                                                    double lossCount);
  int64_t microBatches() const { return std::min<int64_t>(train().accumulate, 4); }
  /// The sum over micro-batches of what the reference counts.
  double count(int64_t step);

  TwoModelsOptions options;
  mlir::MLIRContext context;
  std::optional<TypedModel> plan;
  SourceMap sources;                                          ///< the plan's ranges are in it
  mutable mlir::OwningOpRef<mlir::ModuleOp> graph, allocated; ///< MLIR knows no const ops
  std::unique_ptr<interpret::Interpreter> interpreter;
  std::unique_ptr<CompiledModel> compiled;
};

} // namespace kinu::test
