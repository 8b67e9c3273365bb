// Two steps of a model on ranks that are interpreted in double precision, against the same on one rank.
#pragma once

#include "test/shard/Ranks.h"

#include "compiler/Pipeline.h"
#include "compiler/syntax/TypedModel.h"

namespace kinu::test {

/// What a stage of the compiler leaves of a spec, as text; empty where the spec or its layout was refused, with the
/// message in `message`. The exit code in `code`.
struct Compiled {
  std::string text, message;
  std::optional<TypedModel> model;
  int code = 0;
};
Compiled compile(PipelineOptions options);

/// Interprets a whole model and its partitioned programs side by side. Differences are failures of the test that is
/// running.
class LayoutRun {
public:
  /// `whole`: the module that `differentiate` left; `parts`: what `shard` left of each stage.
  LayoutRun(const std::string &whole, const std::vector<std::string> &parts, const typed::TrainConfig &train);

  /// Losses, gradients' norms and metrics of every micro-batch agree to 1e-9, then weights and moments to 1e-7.
  void compareTwoSteps();

  int64_t ranks() const { return parts->count(); }
  /// The largest difference of a weight or moment, relative to its variable's largest value.
  double largest = 0;

private:
  std::map<std::string, interpret::Tensor> inputs(llvm::StringRef program, int64_t step, int64_t micro);
  void run(llvm::StringRef program, int64_t step, int64_t micro);
  void runPipeline(int64_t step);
  void compareVariables();

  const typed::TrainConfig &train;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<interpret::Interpreter> whole;
  std::unique_ptr<Ranks> parts;
};

} // namespace kinu::test
