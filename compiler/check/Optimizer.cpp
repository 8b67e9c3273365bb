// `optimizer adamw(lr: cosine(peak: 6e-4, warmup: 100), betas: (0.9, 0.95), decay: 0.1, clip: 1.0)`.
#include "compiler/check/Runs.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;

namespace kinu::check {

/// One number that a call may name: its label, where it goes, and the range it must lie in.
struct Setting {
  llvm::StringRef label;
  double *value;
  double least = 0;
  double below = 1e30; ///< excluded
};

/// "`clip` is inf; it must be at least 0 and less than 1".
static std::string outOfRange(const Setting &setting, double value) {
  std::string message = ("`" + setting.label + "` is ").str();
  llvm::raw_string_ostream out(message);
  out << llvm::format("%g", value) << "; it must be at least " << llvm::format("%g", setting.least) << " and less than "
      << llvm::format("%g", setting.below);
  return message;
}

static bool readSetting(const Setting &setting, const Expr &expr, const RunContext &context) {
  auto value = context.number(expr);
  if (!value)
    return false;
  if (*value >= setting.least && *value < setting.below) {
    *setting.value = *value;
    return true;
  }
  context.diagnostics.error("bad-setting", expr.range, outOfRange(setting, *value));
  return false;
}

static void unknownLabel(const CallExpr &call, const Argument &argument, llvm::ArrayRef<std::string> labels,
                         const RunContext &context) {
  context.diagnostics
      .error("unknown-label", argument.range,
             "`" + call.callee.text + "` has no " +
                 (argument.kind == Argument::Kind::Labelled ? "`" + argument.label.text + ":`" : "unlabelled argument"))
      .suggest("it has `" + llvm::join(labels, ":`, `") + ":`");
}

static void checkSchedule(const Expr &expr, const RunContext &context) {
  using ScheduleKind = typed::Schedule::Kind;
  typed::Schedule &rate = context.model.train->optimizer.rate;
  auto *call = llvm::dyn_cast<CallExpr>(&expr);
  bool isSchedule = call && (call->callee == "linear" || call->callee == "cosine" || call->callee == "constant");
  if (!isSchedule) {
    readSetting({"lr", &rate.peak}, expr, context);
    return;
  }
  rate.kind = call->callee == "linear"   ? ScheduleKind::Linear
              : call->callee == "cosine" ? ScheduleKind::Cosine
                                         : ScheduleKind::Constant;
  double warmup = 0;
  bool hasPeak = false;
  for (const Argument &argument : call->arguments) {
    bool isPeak = argument.kind == Argument::Kind::Positional || argument.label == "peak";
    if (isPeak)
      hasPeak = readSetting({"peak", &rate.peak}, *argument.value, context) || true;
    else if (argument.label == "floor")
      readSetting({"floor", &rate.floor}, *argument.value, context);
    else if (argument.label == "warmup")
      readSetting({"warmup", &warmup, 0, 1e15}, *argument.value, context);
    else
      unknownLabel(*call, argument, {"peak", "warmup", "floor"}, context);
  }
  rate.warmup = int64_t(warmup);
  if (!hasPeak)
    context.diagnostics.error("missing-argument", call->range, "`" + call->callee.text + "` needs `peak:`")
        .suggest("add `peak: 3e-4`");
}

static void checkBetas(const Expr &expr, const RunContext &context) {
  typed::Optimizer &optimizer = context.model.train->optimizer;
  auto *tuple = llvm::dyn_cast<TupleExpr>(&expr);
  if (!tuple || tuple->elements.size() != 2) {
    context.diagnostics.error("bad-setting", expr.range, "`betas` are two numbers").suggest("`betas: (0.9, 0.95)`");
    return;
  }
  readSetting({"betas", &optimizer.beta1, 0, 1}, *tuple->elements[0], context);
  readSetting({"betas", &optimizer.beta2, 0, 1}, *tuple->elements[1], context);
}

void checkOptimizer(const OptimizerClause &clause, const RunContext &context) {
  typed::Optimizer &optimizer = context.model.train->optimizer;
  const CallExpr &call = *clause.call;
  bool isAdam = call.callee == "adamw";
  if (!isAdam && !(call.callee == "sgd")) {
    context.diagnostics
        .error("unknown-optimizer", call.callee.range, "there is no optimizer `" + call.callee.text + "`")
        .suggest("there are `adamw` and `sgd`");
    return;
  }
  optimizer.kind = isAdam ? typed::Optimizer::Kind::AdamW : typed::Optimizer::Kind::Sgd;
  std::vector<Setting> settings = {{"decay", &optimizer.decay}, {"clip", &optimizer.clip}};
  if (isAdam)
    settings.push_back({"eps", &optimizer.epsilon});
  else
    settings.push_back({"momentum", &optimizer.momentum, 0, 1});
  std::vector<std::string> labels = {"lr"};
  for (const Setting &setting : settings)
    labels.push_back(setting.label.str());
  if (isAdam)
    labels.push_back("betas");

  std::set<std::string> seen;
  for (const Argument &argument : call.arguments) {
    llvm::StringRef label = argument.kind == Argument::Kind::Labelled ? llvm::StringRef(argument.label.text) : "";
    if (!label.empty() && !seen.insert(label.str()).second) {
      context.diagnostics.error("argument-twice", argument.range, ("`" + label + ":` is given twice").str());
      continue;
    }
    auto setting = llvm::find_if(settings, [&](const Setting &one) { return one.label == label; });
    if (label == "lr")
      checkSchedule(*argument.value, context);
    else if (label == "betas" && isAdam)
      checkBetas(*argument.value, context);
    else if (setting != settings.end())
      readSetting(*setting, *argument.value, context);
    else
      unknownLabel(call, argument, labels, context);
  }
  if (!seen.count("lr"))
    context.diagnostics.error("missing-argument", call.range, "`" + call.callee.text + "` needs `lr:`")
        .suggest("add `lr: 3e-4`, or a schedule: `lr: cosine(peak: 3e-4, warmup: 100, floor: 3e-5)`");
}

} // namespace kinu::check
