// See Train.h.
#include "runtime/Train.h"

#include "runtime/Agreement.h"
#include "runtime/Checkpoint.h"
#include "runtime/CheckpointFolder.h"
#include "runtime/Evaluate.h"
#include "runtime/File.h"
#include "runtime/InitialWeights.h"
#include "runtime/Messages.h"
#include "runtime/Metrics.h"
#include "runtime/Position.h"
#include "runtime/Progress.h"
#include "runtime/Signals.h"
#include "runtime/Step.h"
#include "runtime/Watchdog.h"

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

namespace kinu::rt {

namespace {
/// Without a number of steps between checkpoints, one is written when so much time has passed: it costs little then,
/// and nothing depends on when it happens.
constexpr std::chrono::minutes checkpointInterval{10};

/// One training under way.
class Training {
public:
  Training(const Run &run, Data &data, Executor &executor, TrainingState state, bool resumed)
      : run(run), manifest(run.manifest), plan(run.manifest.train), data(data), executor(executor), state(state),
        step(executor, manifest, data.loader, data.shards.training, plan.seed, plan.steps),
        metrics(run.mesh.first() ? metricsPath(run.options) : "/dev/null", state.step,
                run.mesh.first() && !run.options.metrics.empty()),
        progress(state.step, plan.steps, step.tokensPerStep(), step.operationsPerStep(),
                 manifest.peakFlopsPerCore * executor.threadCount()),
        savedStep(resumed ? std::optional(state.step) : std::nullopt) {
    step.lossScale = state.lossScale;
  }

  Exit toTheEnd();

private:
  static std::string metricsPath(const Options &options) {
    return options.metrics.empty() ? options.checkpointFolder + "/metrics.jsonl" : options.metrics;
  }
  Exit trainSteps(Trace &trace);
  void trainOneStep();
  void save();
  bool checkpointDue() const;
  bool stops() const { return run.mesh.agree(stopRequested()); }
  bool runEvaluation();

  const Run &run;
  const Manifest &manifest;
  const TrainPlan &plan;
  Data &data;
  Executor &executor;
  TrainingState state;
  TrainingStep step;
  MetricsFile metrics;
  Progress progress;
  std::optional<int64_t> savedStep; ///< of the newest checkpoint; nothing before the first of this training
  std::chrono::steady_clock::time_point savedAt = std::chrono::steady_clock::now();
};
} // namespace

void Training::trainOneStep() {
  StepUnderWay underWay(state.step);
  StepResult result = step.accumulate(state.step);
  auto diverged = [&](const char *what, double value) {
    // Before the first update no setting of the optimizer can be the cause.
    const char *help = state.step == 0 ? "the model gives it with its initial weights: look for a division by 0, a "
                                         "logarithm or root of what is not positive, or a sum of infinities"
                                       : "lower the learning rate, warm up longer or clip gradients";
    fail(Exit::Diverged, "the ", what, " is ", value, " at step ", state.step + 1, "; ", help,
         savedStep ? text(" (the last checkpoint is of step ", *savedStep, ")") : "");
  };
  if (!std::isfinite(result.loss))
    diverged("loss", result.loss); // before the update, so that the weights stay what they were
  double lossScale = step.lossScale.scale;
  step.update(state.step, result);
  if (!std::isfinite(result.gradientNorm) && (!result.overflow || step.lossScale.isExhausted()))
    diverged("norm of the gradient", result.gradientNorm);
  ++state.step;
  state.lossScale = step.lossScale;
  if (result.overflow)
    progress.message("step " + std::to_string(state.step) + " is skipped: gradients overflow fp16 at a loss scale of " +
                     formatCount(int64_t(lossScale)) + ", which is halved (" + std::to_string(state.lossScale.skipped) +
                     " skipped so far)");
  progress.step(state.step, result.loss);
  nlohmann::ordered_json line = {{"step", state.step},
                                 {"loss", result.loss},
                                 {"learning_rate", result.learningRate},
                                 {"gradient_norm", result.gradientNorm},
                                 {"epoch", step.epoch(state.step)},
                                 {"tokens_per_second", progress.tokensPerSecond()}};
  if (step.scalesLoss()) {
    line["loss_scale"] = lossScale;
    line["skipped"] = result.overflow;
  }
  for (const auto &[name, value] : result.metrics)
    line["metric"][name] = value;
  metrics.write(line);
}

void Training::save() {
  progress.pause();
  saveCheckpoint(run.options.checkpointFolder, manifest, executor.arena(), state, run.mesh);
  savedStep = state.step;
  savedAt = std::chrono::steady_clock::now();
  progress.resume();
}

bool Training::checkpointDue() const {
  if (plan.checkpointEvery > 0)
    return state.step % plan.checkpointEvery == 0;
  return run.mesh.fromFirst(std::chrono::steady_clock::now() - savedAt > checkpointInterval);
}

/// Returns whether it came to its end.
bool Training::runEvaluation() {
  if (data.shards.validation.tokens() == 0 || !manifest.program("eval"))
    return true;
  progress.pause();
  std::optional<Evaluation> evaluation = evaluate(executor, manifest, data.loader, data.shards.validation);
  if (evaluation) {
    progress.message("step " + std::to_string(state.step) + "  validation: " + describe(*evaluation));
    nlohmann::ordered_json line = {{"step", state.step}, {"validation_loss", evaluation->loss}};
    if (evaluation->perCharacter)
      line["validation_loss_per_character"] = *evaluation->perCharacter;
    for (const auto &[name, value] : evaluation->metrics)
      line["metric"][name] = value;
    metrics.write(line);
  }
  progress.resume();
  return evaluation.has_value();
}

Exit Training::toTheEnd() {
  Trace trace(run.mesh.rank(), run.options.trace.empty() ? 0 : run.options.traceSteps);
  executor.record(&trace);
  Exit exit = trainSteps(trace);
  executor.record(nullptr);
  if (!run.options.trace.empty())
    trace.write(run.options.trace + "." + std::to_string(run.mesh.rank()) + ".json");
  return exit;
}

Exit Training::trainSteps(Trace &trace) {
  while (state.step < plan.steps) {
    if (stops()) {
      if (savedStep != state.step)
        save();
      progress.message("stopped after step " + std::to_string(state.step) + "; run the same command " +
                       (run.options.fresh ? "without --fresh" : "again") + " to go on");
      return Exit::Stopped;
    }
    trainOneStep();
    trace.endStep();
    bool last = state.step == plan.steps;
    if (!last && checkpointDue())
      save();
    if (!last && plan.evaluateEvery > 0 && state.step % plan.evaluateEvery == 0)
      runEvaluation();
  }
  save();
  progress.message("trained " + std::to_string(plan.steps) + " steps in " + formatDuration(progress.trainingSeconds()));
  return runEvaluation() ? Exit::Done : Exit::Stopped;
}

/// The state to go on from: the newest checkpoint's. Nothing for a fresh run.
static std::optional<TrainingState> savedState(const Run &run, const Data &data, char *arena) {
  const TrainPlan &plan = run.manifest.train;
  if (run.options.fresh)
    return std::nullopt;
  std::optional<TrainingState> found =
      loadNewestCheckpoint(run.options.checkpointFolder, run.manifest, arena, LoadedParts::WeightsAndMoments, run.mesh);
  if (!found)
    return std::nullopt;
  if (found->seed != plan.seed)
    fail(Exit::Mismatch, "the checkpoints in `", run.options.checkpointFolder, "` were trained with seed ", found->seed,
         ", this run has seed ", plan.seed, "; train with --fresh or give another --checkpoint-dir");
  if (found->batch > 0 && (found->batch != plan.batch || found->seq != plan.seq))
    note(text("the checkpoint was trained with batch ", found->batch, " and seq ", found->seq, ", this run has ",
              plan.batch, " and ", plan.seq, ": it goes on with these, from another place in the text"));
  if (found->dataKey != data.shards.key)
    note("the text or its tokenizer is not what the checkpoint was trained on");
  found->dataKey = data.shards.key;
  return found;
}

/// Refuses text that is too short, the validation part before step 1 rather than at its first evaluation.
static void checkText(const Run &run, const Data &data, Executor &executor) {
  const TrainPlan &plan = run.manifest.train;
  TrainingStep(executor, run.manifest, data.loader, data.shards.training, plan.seed, plan.steps);
  if (run.manifest.program("eval") && data.shards.validation.tokens() > 0)
    checkValidation(executor, run.manifest, data.loader, data.shards.validation);
}

Exit train(const Run &run) {
  const std::string &folder = run.options.checkpointFolder;
  std::optional<FolderLock> lock;
  if (run.mesh.first()) {
    makeFolders(folder);
    lock.emplace(folder);
    removeUncommitted(folder);
  }
  run.mesh.barrier();
  std::unique_ptr<Data> data = openData(run);
  std::unique_ptr<Executor> executor = startExecutor(run);
  const TrainPlan &plan = run.manifest.train;
  agreeOn({{"data", data->shards.key},
           {"seed", std::to_string(plan.seed)},
           {"steps", std::to_string(plan.steps)},
           {"checkpoint-every", std::to_string(plan.checkpointEvery)},
           {"evaluate-every", std::to_string(plan.evaluateEvery)},
           {"fresh", std::to_string(run.options.fresh)}},
          run.mesh);
  checkText(run, *data, *executor);
  checkNotInput(run.options.metrics, inputFiles(run));
  std::optional<TrainingState> saved = savedState(run, *data, executor->arena());
  TrainingState state = saved.value_or(TrainingState{0, run.manifest.train.seed, data->shards.key, 0, 0, {}});
  if (state.step >= run.manifest.train.steps && state.step > 0) {
    std::printf("already trained for %ld steps: nothing to do (--steps for more, --fresh to start over)\n",
                long(state.step));
    return Exit::Done;
  }
  if (state.step > 0)
    std::printf("going on after step %ld\n", long(state.step));
  if (!saved)
    initializeVariables(run.manifest, executor->arena(), run.manifest.train.seed, run.mesh);
  executor->runIfPresent("refresh");
  Watchdog watchdog(run.mesh, run.options.watchdog, run.errors);
  Training training(run, *data, *executor, state, saved.has_value());
  if (run.options.fresh && run.mesh.first())
    retireCheckpoints(folder);
  return training.toTheEnd();
}

} // namespace kinu::rt
