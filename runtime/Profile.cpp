// See Commands.h: `profile`.
#include "runtime/Commands.h"
#include "runtime/InitialWeights.h"
#include "runtime/Messages.h"
#include "runtime/Signals.h"
#include "runtime/Step.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace kinu::rt {

/// Steps that are measured, if nobody says how many.
static constexpr int64_t kProfiledSteps = 3;

namespace {
/// A kernel's part of one step, in seconds.
struct ProfileRow {
  const KinuKernel *kernel; ///< null: what ranks send one another
  double measured = 0, modelled = 0;
  double best = 0; ///< if every launch took as long as the fastest one
  double launches = 0;
};
} // namespace

static std::vector<ProfileRow> rowsOf(const Run &run, const std::vector<KernelTime> &times, double steps) {
  std::vector<ProfileRow> rows;
  for (size_t i = 0; i < times.size(); ++i) {
    if (times[i].launches == 0)
      continue;
    const KinuKernel *kernel = i + 1 < times.size() ? &run.executable.kernels[i] : nullptr;
    double launches = double(times[i].launches) / steps;
    ProfileRow row{kernel, times[i].seconds / steps, 0, times[i].fastest * launches, launches};
    if (kernel)
      if (auto found = run.manifest.modelled.find(kernel->name); found != run.manifest.modelled.end())
        row.modelled = found->second * row.launches;
    rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(), [](const ProfileRow &x, const ProfileRow &y) { return x.measured > y.measured; });
  return rows;
}

/// Where a kernel is in the model: the label of its first launch.
static const char *labelOf(const KinuExecutable &executable, const KinuKernel *kernel) {
  for (int64_t p = 0; p < executable.numPrograms; ++p)
    for (int64_t l = 0; l < executable.programs[p].numLaunches; ++l)
      if (const KinuLaunch &launch = executable.programs[p].launches[l];
          launch.kernel >= 0 && executable.kernels + launch.kernel == kernel)
        return launch.label;
  return "";
}

static void printRow(const Run &run, const ProfileRow &row, double step) {
  bool isModelled = row.modelled > 0;
  std::printf("%5.1f%% %6.0f %10.3f %10.3f ", 100 * row.measured / step, row.launches, 1e3 * row.measured,
              1e3 * row.best);
  if (!run.manifest.modelled.empty() && isModelled)
    std::printf("%10.3f %6.2f ", 1e3 * row.modelled, row.modelled / row.best);
  else if (!run.manifest.modelled.empty())
    std::printf("%10s %6s ", "-", "-");
  if (!row.kernel) {
    std::printf("%8s %7s  what ranks send one another\n", "-", "-");
    return;
  }
  double perSecond = 1e-9 * row.launches / row.best;
  std::printf("%8.1f %7.1f  %s (%s)\n", row.kernel->operations * perSecond, row.kernel->bytes * perSecond,
              row.kernel->name, labelOf(run.executable, row.kernel));
}

static void printProfile(const Run &run, const std::vector<ProfileRow> &rows, int64_t steps, double step) {
  double kernels = 0, best = 0, modelled = 0;
  for (const ProfileRow &row : rows) {
    kernels += row.measured;
    best += row.best;
    modelled += row.modelled;
  }
  bool isModelled = !run.manifest.modelled.empty();
  std::printf("\n%ld step%s of %.3f s, %.3f s if every launch were as fast as its kernel's fastest", long(steps),
              steps == 1 ? "" : "s", step, best + step - kernels);
  if (isModelled)
    std::printf("; the model says %.3f s, %.2f of that", modelled, modelled / best);
  else
    std::printf("; for modelled times beside the measured ones, build with --report=kernels -o");
  std::printf("\n\n%6s %6s %10s %10s ", "share", "count", "measured", "fastest");
  if (isModelled)
    std::printf("%10s %6s ", "modelled", "ratio");
  std::printf("%8s %7s  kernel (times in ms a step; rates and ratio of the fastest)\n", "Gflop/s", "GB/s");
  for (const ProfileRow &row : rows)
    printRow(run, row, step);
  std::printf("%5.1f%% %6s %10.3f            outside of kernels\n", 100 * (step - kernels) / step, "",
              1e3 * (step - kernels));
}

Exit profileSteps(const Run &run) {
  const TrainPlan &plan = run.manifest.train;
  if (!run.manifest.program("micro") && !run.manifest.pipeline)
    fail(Exit::Usage, "this executable does not train: its spec has no train block");
  std::unique_ptr<Data> data = openData(run);
  std::unique_ptr<Executor> executor = startExecutor(run);
  initializeVariables(run.manifest, executor->arena(), plan.seed, run.mesh);
  executor->runIfPresent("refresh");
  TrainingStep training(*executor, run.manifest, data->loader, data->shards.training, plan.seed, plan.steps);
  int64_t steps = std::max<int64_t>(1, run.options.steps.value_or(kProfiledSteps));
  auto start = std::chrono::steady_clock::now();
  for (int64_t step = 0; step <= steps; ++step) { // the first is not measured: it touches memory for the first time
    if (run.mesh.agree(stopRequested()))
      return Exit::Stopped;
    if (step == 1) {
      executor->startProfile();
      start = std::chrono::steady_clock::now();
    }
    StepResult result = training.accumulate(step);
    training.update(step, result);
  }
  std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  printProfile(run, rowsOf(run, executor->profile(), double(steps)), steps, elapsed.count() / double(steps));
  return Exit::Done;
}

} // namespace kinu::rt
