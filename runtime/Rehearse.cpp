// See Commands.h: `rehearse`.
#include "runtime/Commands.h"
#include "runtime/InitialWeights.h"
#include "runtime/Messages.h"
#include "runtime/Signals.h"
#include "runtime/Step.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>

namespace kinu::rt {

static constexpr int64_t kRehearsedSteps = 3;

/// What the model says a launch of each kernel takes; without it, the time of its operations at the peak of all
/// threads.
static std::vector<double> modelledSeconds(const Run &run, int threads) {
  double peak = run.manifest.peakFlopsPerCore * threads;
  std::vector<double> seconds;
  for (int64_t k = 0; k < run.executable.numKernels; ++k) {
    const KinuKernel &kernel = run.executable.kernels[k];
    auto found = run.manifest.modelled.find(kernel.name);
    seconds.push_back(found != run.manifest.modelled.end() ? found->second : peak > 0 ? kernel.operations / peak : 0);
  }
  return seconds;
}

/// What the launches of one run of a program take on this rank.
static double secondsOf(const KinuExecutable &executable, std::string_view name, const std::vector<double> &seconds) {
  double sum = 0;
  for (int64_t p = 0; p < executable.numPrograms; ++p) {
    const KinuProgram &program = executable.programs[p];
    for (int64_t l = 0; name == program.name && l < program.numLaunches; ++l)
      if (program.launches[l].kernel >= 0)
        sum += seconds[size_t(program.launches[l].kernel)];
  }
  return sum;
}

/// Each rank's value, on every rank.
static std::vector<double> ofAllRanks(const Run &run, double value) {
  std::vector<double> values(size_t(run.mesh.ranks()), 0);
  values[size_t(run.mesh.rank())] = value;
  std::string axes;
  for (const Axis &axis : run.manifest.mesh)
    axes += (axes.empty() ? "" : ",") + axis.name;
  if (run.mesh.ranks() > 1)
    run.mesh.sum(values, axes);
  return values;
}

/// The most memory that the process ever had, in bytes; 0 if the system does not say.
static int64_t peakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:"))
      return 1024 * std::atoll(line.c_str() + 6);
  return 0;
}

/// Seconds of a step, the median; none if a signal came.
static std::optional<double> timeSteps(const Run &run, TrainingStep &training, int64_t first, int64_t steps) {
  std::vector<double> seconds;
  for (int64_t step = first; step < first + steps; ++step) {
    if (run.mesh.agree(stopRequested()))
      return std::nullopt;
    auto start = std::chrono::steady_clock::now();
    StepResult result = training.accumulate(step);
    training.update(step, result);
    run.mesh.barrier();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + steps / 2, seconds.end());
  return seconds[size_t(steps / 2)];
}

/// One rank that computes, without the others.
static Exit rehearseAlone(const Run &run, Executor &executor, TrainingStep &training, int64_t steps) {
  initializeVariables(run.manifest, executor.arena(), run.manifest.train.seed, run.mesh);
  executor.runIfPresent("refresh");
  std::optional<double> step = timeSteps(run, training, 0, steps);
  if (!step)
    return Exit::Stopped;
  std::printf("rank %d of %ld alone: %ld step%s of %.3f s\n", run.mesh.rank(), long(run.mesh.ranks()), long(steps),
              steps == 1 ? "" : "s", *step);
  std::printf("memory: arena %s bytes, resident at most %s bytes\n", formatCount(run.executable.arenaBytes).c_str(),
              formatCount(peakMemory()).c_str());
  return Exit::Done;
}

/// Makes collectives late: a step's bytes take so many seconds on the rank that has most of them.
static void delay(const Run &run, Executor &executor, int64_t bytesOfStep) {
  std::vector<double> bytes = ofAllRanks(run, double(bytesOfStep));
  double most = *std::max_element(bytes.begin(), bytes.end());
  if (most > 0)
    executor.requests().deliverLate(run.options.delay / most, run.options.polls);
}

/// How much of the time on the way nobody waited for, of this rank.
static void printHidden(const Executor &executor, const std::vector<MessageTimes> &times, int64_t steps) {
  auto print = [&](const char *program, const char *kind, const MessageTimes &one) {
    double hidden = one.seconds > 0 ? std::max(0.0, 100 * (1 - one.waited / one.seconds)) : 0;
    std::printf("rank %d, %s %s: %ld messages, %.3f s on their way, waited for %.3f s, %.1f%% hidden\n",
                executor.mesh().rank(), program, kind, long(one.messages / steps), one.seconds / double(steps),
                one.waited / double(steps), hidden);
  };
  MessageTimes reductions{"all", "reductions"};
  for (const MessageTimes &one : times) {
    print(one.program, one.kind, one);
    if (std::string_view(one.kind) != "all_reduce" && std::string_view(one.kind) != "reduce_scatter")
      continue;
    reductions.messages += one.messages;
    reductions.seconds += one.seconds;
    reductions.waited += one.waited;
  }
  print(reductions.program, reductions.kind, reductions);
}

Exit rehearseSteps(const Run &run) {
  if (!run.manifest.program("micro") && !run.manifest.pipeline)
    fail(Exit::Usage, "this executable does not train: its spec has no train block");
  std::unique_ptr<Data> data = openData(run);
  std::unique_ptr<Executor> executor = startExecutor(run);
  TrainingStep training(*executor, run.manifest, data->loader, data->shards.training, run.manifest.train.seed,
                        run.manifest.train.steps);
  int64_t steps = std::max<int64_t>(1, run.options.steps.value_or(kRehearsedSteps));
  if (run.options.playedRank)
    return rehearseAlone(run, *executor, training, steps);

  std::vector<double> seconds = modelledSeconds(run, executor->threadCount());
  double ofStep =
      training.sumOverStep([&](std::string_view program) { return secondsOf(run.executable, program, seconds); });
  std::vector<double> modelled = ofAllRanks(run, ofStep);
  double longest = *std::max_element(modelled.begin(), modelled.end());
  if (longest <= 0)
    fail(Exit::Usage, "nothing is known of how long kernels take; build with --report=kernels -o");
  double slower = run.options.rehearsedSeconds.value_or(longest) / longest;
  for (double &each : seconds)
    each *= slower;
  // Of a stage of several chunks, all of them.
  auto ofProgram = [&](const char *kind) {
    double sum = 0;
    for (const auto &[name, program] : run.manifest.programs)
      if (kindOfProgram(name) == kind && !name.ends_with(".last")) // which is as long
        sum += secondsOf(run.executable, name, seconds);
    return ofAllRanks(run, sum);
  };
  std::vector<double> forward = ofProgram("forward"), backward = ofProgram("backward"), weights = ofProgram("weights"),
                      update = ofProgram("update");
  executor->sleepInstead(std::move(seconds));
  run.mesh.waitAsleep();
  if (!timeSteps(run, training, 0, 1)) // sets up connections
    return Exit::Stopped;
  delay(run, *executor, executor->requests().payload());
  std::optional<double> step = timeSteps(run, training, 1, steps);
  if (!step)
    return Exit::Stopped;
  std::printf("%ld step%s of %.3f s, kernels slept %.3g times as long as modelled\n", long(steps),
              steps == 1 ? "" : "s", *step, slower);
  for (size_t rank = 0; rank < modelled.size(); ++rank)
    std::printf("rank %zu: kernels %.3f s, idle %.1f%%\n", rank, slower * modelled[rank],
                100 * std::max(0.0, 1 - slower * modelled[rank] / *step));
  for (size_t rank = 0; run.manifest.pipeline && rank < modelled.size(); ++rank)
    std::printf("rank %zu: a micro-batch takes %.4f s forward, %.4f s backward, %.4f s for gradients of weights; the "
                "update %.4f s\n",
                rank, forward[rank], backward[rank], weights[rank], update[rank]);
  if (run.options.delay > 0 && run.mesh.first())
    printHidden(*executor, executor->requests().times(), steps);
  return Exit::Done;
}

} // namespace kinu::rt
