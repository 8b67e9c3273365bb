// See Commands.h.
#include "runtime/Commands.h"

#include "runtime/Checkpoint.h"
#include "runtime/Evaluate.h"
#include "runtime/Messages.h"

#include <cstdio>

namespace kinu::rt {

Exit evaluateCheckpoint(const Run &run) {
  std::unique_ptr<Executor> executor = startExecutor(run);
  const std::string &folder = run.options.checkpointFolder;
  auto state = loadNewestCheckpoint(folder, run.manifest, executor->arena(), LoadedParts::Weights, run.mesh);
  if (!state)
    fail(Exit::NoCheckpoint, "there is no checkpoint in `", folder, "`; train first");
  executor->runIfPresent("refresh");
  std::unique_ptr<Data> data = openData(run);
  auto evaluation = evaluate(*executor, run.manifest, data->loader, data->shards.validation);
  if (!evaluation)
    return Exit::Stopped;
  std::printf("step %ld  validation: %s (%s windows)\n", long(state->step), describe(*evaluation).c_str(),
              formatCount(evaluation->samples).c_str());
  return Exit::Done;
}

static std::string describeAxes(const Buffer &buffer) {
  std::string out = "[";
  for (const Axis &axis : buffer.axes)
    out += (out.size() > 1 ? ", " : "") + axis.name + "=" + std::to_string(axis.length);
  return out + "]";
}

void printInfo(const Run &run) {
  const Manifest &manifest = run.manifest;
  int64_t weights = 0;
  for (const Variable &variable : manifest.variables)
    weights += isParameter(variable.role) ? variable.wholeElements() : 0;
  std::printf("model %s (spec %s, for %s, kinu %s)\n", manifest.model.c_str(), manifest.specHash.c_str(),
              manifest.machine.c_str(), manifest.kinuVersion.c_str());
  std::printf("weights %s\n", formatCount(weights).c_str());
  std::printf("arena %s bytes (%s), scratch %s bytes per thread\n", formatCount(run.executable.arenaBytes).c_str(),
              formatBytes(run.executable.arenaBytes).c_str(), formatCount(scratchPerThread(run.executable)).c_str());
  std::printf("training: batch %ld in %ld micro-batches, seq %ld, %ld steps, seed %lu\n", long(manifest.train.batch),
              long(manifest.train.microBatches), long(manifest.train.seq), long(manifest.train.steps),
              static_cast<unsigned long>(manifest.train.seed));
  for (int64_t p = 0; p < run.executable.numPrograms; ++p) {
    const KinuProgram &program = run.executable.programs[p];
    double operations = 0;
    for (int64_t l = 0; l < program.numLaunches; ++l)
      if (program.launches[l].kernel >= 0)
        operations += run.executable.kernels[program.launches[l].kernel].operations;
    std::printf("program %s: %ld launches, %.3f Gflop\n", program.name, long(program.numLaunches), operations * 1e-9);
  }
  for (const Variable &variable : manifest.variables)
    if (isParameter(variable.role))
      std::printf("  %s %s\n", variable.name.c_str(), describeAxes(variable).c_str());
}

} // namespace kinu::rt
