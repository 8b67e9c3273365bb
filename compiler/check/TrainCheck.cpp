// The train block: lengths, steps, data, precision.
#include "compiler/check/Runs.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;

namespace kinu::check {

std::optional<int64_t> RunContext::sizeFrom(const Expr &expr, int64_t least, llvm::StringRef what) const {
  auto value = size(expr);
  if (!value || *value >= least)
    return value;
  diagnostics.error("size-too-small", expr.range,
                    (what + " is " + llvm::Twine(*value) + ", it must be at least " + llvm::Twine(least)).str());
  return std::nullopt;
}

static void checkLength(const AxisLengthClause &clause, const RunContext &context) {
  typed::TrainConfig &config = *context.model.train;
  Entity *entity = context.scope.find(clause.axis.text);
  if (!entity || entity->kind != Entity::Kind::Axis) {
    auto &diagnostic = context.diagnostics.error("unknown-axis", clause.axis.range,
                                                 "the model has no axis `" + clause.axis.text + "`");
    std::string closest = closestWord(clause.axis.text, context.scope.names(Entity::Kind::Axis));
    if (!closest.empty())
      diagnostic.suggest("did you mean `" + closest + "`?");
    return;
  }
  if (!entity->axis)
    return; // its length was refused
  if (!entity->axis->bound || entity->axis->root != entity->axis) {
    context.diagnostics
        .error("axis-not-bound", clause.axis.range,
               "the length of `" + clause.axis.text + "` is not for the run to say")
        .note(entity->range, "it has one here")
        .suggest("declare it `axis " + clause.axis.text + "` or `axis " + clause.axis.text + " up to n`");
    return;
  }
  if (clause.axis == "batch") {
    config.batch = context.sizeFrom(*clause.length, 1, "the batch").value_or(1);
    if (auto define = context.options.defines.find("batch"); define != context.options.defines.end())
      config.batch = define->second;
    if (config.batch % config.accumulate == 0)
      return;
    int64_t below = config.batch / config.accumulate * config.accumulate;
    auto &diagnostic = context.diagnostics.error(
        "batch-not-divisible", clause.range,
        "a batch of " + std::to_string(config.batch) + " does not divide into " + std::to_string(config.accumulate) +
            " micro-batches: " + std::to_string(config.batch - below) + " are left over");
    diagnostic.suggest("the nearest that work are " + (below ? std::to_string(below) + " and " : "") +
                       std::to_string(below + config.accumulate));
    return;
  }
  config.lengths.push_back({clause.axis.text, entity->axis->length});
}

static void checkNumber(const NumberClause &clause, const RunContext &context) {
  typed::TrainConfig &config = *context.model.train;
  switch (clause.kind) {
  case NumberClause::Kind::Accumulate: return; // read before the model: the length of `batch` depends on it
  case NumberClause::Kind::Steps:
    config.steps = context.sizeFrom(*clause.value, 1, "the number of steps").value_or(1);
    return;
  case NumberClause::Kind::Seed: config.seed = context.size(*clause.value).value_or(1); return;
  case NumberClause::Kind::Evaluate:
    config.evaluateEvery = context.sizeFrom(*clause.value, 0, "the interval").value_or(0);
    return;
  case NumberClause::Kind::Checkpoint:
    config.checkpointEvery = context.sizeFrom(*clause.value, 0, "the interval").value_or(0);
    return;
  }
}

static void checkValidation(const ValidationClause &clause, const RunContext &context) {
  typed::TrainConfig &config = *context.model.train;
  for (const StringLiteral &file : clause.files)
    config.validationFiles.push_back(file.value);
  if (!clause.fraction)
    return;
  auto fraction = context.number(*clause.fraction);
  if (!fraction)
    return;
  config.validation = *fraction;
  if (!(*fraction >= 0 && *fraction < 1))
    context.diagnostics.error("bad-fraction", clause.fraction->range,
                              "the part kept for validation is at least 0 and less than 1");
}

/// `-D steps=20` and its like.
static void applyDefines(const RunContext &context) {
  typed::TrainConfig &config = *context.model.train;
  std::pair<const char *, int64_t *> settings[] = {{"steps", &config.steps},
                                                   {"seed", &config.seed},
                                                   {"evaluate", &config.evaluateEvery},
                                                   {"checkpoint", &config.checkpointEvery}};
  for (auto [name, setting] : settings)
    if (auto define = context.options.defines.find(name);
        define != context.options.defines.end() && !context.usedDefines.count(name)) {
      *setting = define->second;
      context.usedDefines.insert(name);
    }
}

void checkTrain(const TrainDecl &train, const RunContext &context) {
  typed::TrainConfig &config = *context.model.train;
  config.range = train.range;
  bool hasData = false, hasSteps = false, hasOptimizer = false;
  for (const TrainClause &clause : train.clauses) {
    if (auto *data = std::get_if<DataClause>(&clause)) {
      hasData = true;
      checkBindings(*data, context);
    } else if (auto *validation = std::get_if<ValidationClause>(&clause)) {
      checkValidation(*validation, context);
    } else if (auto *length = std::get_if<AxisLengthClause>(&clause)) {
      checkLength(*length, context);
    } else if (auto *number = std::get_if<NumberClause>(&clause)) {
      hasSteps |= number->kind == NumberClause::Kind::Steps;
      checkNumber(*number, context);
    } else if (auto *optimizer = std::get_if<OptimizerClause>(&clause)) {
      hasOptimizer = true;
      checkOptimizer(*optimizer, context);
    } else if (auto *precision = std::get_if<PrecisionClause>(&clause)) {
      config.precisionRange = precision->range;
      if (std::optional<CheckedPrecision> checked = checkPrecision(*precision, context)) {
        config.precision = checked->precision;
        config.promote = checked->promote;
      }
    }
  }
  applyDefines(context);
  auto missing = [&](bool has, llvm::StringRef what, llvm::StringRef example) {
    if (!has)
      context.diagnostics.error("train-incomplete", train.model.range, ("the train block has no `" + what + "`").str())
          .suggest(("add `" + example + "`").str());
  };
  missing(hasData, "data", "data \"corpus/*.txt\" tokenizer \"corpus.model\" { tokens = text }");
  missing(hasSteps, "steps", "steps 1000");
  missing(hasOptimizer, "optimizer", "optimizer adamw(lr: 3e-4)");
  if (!context.model.loss && !context.diagnostics.hasErrors())
    context.diagnostics.error("no-loss", train.model.range, "the model has no loss to train on")
        .suggest("end the model with `loss ...`");
}

} // namespace kinu::check
