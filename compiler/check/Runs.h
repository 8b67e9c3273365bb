// How a model is run: what check says of the train block and of layouts, once the model is elaborated.
#pragma once

#include "compiler/check/Check.h"
#include "compiler/check/Scope.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <set>

namespace kinu::check {

struct RunContext {
  TypedModel &model; ///< gets the train configuration and the layouts
  const CheckOptions &options;
  Scope &scope; ///< of the model, at its end
  Diagnostics &diagnostics;
  std::set<std::string> &usedDefines;
  const std::map<std::string, int64_t> &repeatCounts; ///< rounds of every repeat, by path
  llvm::function_ref<std::optional<int64_t>(const syntax::Expr &)> size;
  llvm::function_ref<std::optional<double>(const syntax::Expr &)> number;

  /// A size of at least `least`; reports and gives none otherwise.
  std::optional<int64_t> sizeFrom(const syntax::Expr &expr, int64_t least, llvm::StringRef what) const;
};

/// TrainCheck.cpp: lengths, steps, data and its bindings. Optimizer.cpp: the optimizer and its schedule.
void checkTrain(const syntax::TrainDecl &train, const RunContext &context);
void checkOptimizer(const syntax::OptimizerClause &clause, const RunContext &context);
/// Bindings.cpp: where the values of inputs come from.
void checkBindings(const syntax::DataClause &clause, const RunContext &context);
/// LayoutCheck.cpp: what one rank can tell of a layout.
void checkLayout(const syntax::LayoutDecl &layout, const RunContext &context);
/// PrecisionCheck.cpp: `fp32`, `bf16`, `fp16` and its modes; none, and an error, for another.
struct CheckedPrecision {
  typed::Precision precision;
  int64_t promote; ///< as in typed::TrainConfig
};
std::optional<CheckedPrecision> checkPrecision(const syntax::PrecisionClause &clause, const RunContext &context);

} // namespace kinu::check
