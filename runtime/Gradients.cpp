// See Commands.h: `gradients`, for comparing a compiled step with the reference interpreter.
#include "runtime/Commands.h"
#include "runtime/InitialWeights.h"
#include "runtime/Messages.h"
#include "runtime/Safetensors.h"
#include "runtime/Step.h"

#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace kinu::rt {

namespace {
/// Tensors to be written, some of them copies that must outlive the arena's content.
struct Snapshot {
  std::vector<TensorView> views;
  std::vector<std::vector<char>> copies;

  void add(const std::string &name, const Buffer &buffer, const char *arena) {
    std::vector<int64_t> shape;
    for (const Axis &axis : buffer.axes)
      shape.push_back(axis.length);
    copies.emplace_back(arena + buffer.offset, arena + buffer.offset + buffer.elements() * dtypeBytes(buffer.dtype));
    views.push_back({name, buffer.dtype, shape, copies.back().data()});
  }
};
} // namespace

void writeGradients(const Run &run) {
  if (run.mesh.ranks() > 1)
    fail(Exit::Usage, "`gradients` is for one rank; build without --layout");
  const Manifest &manifest = run.manifest;
  checkOutput(run.options.out, inputFiles(run));
  std::unique_ptr<Data> data = openData(run);
  std::unique_ptr<Executor> executor = startExecutor(run);
  char *arena = executor->arena();
  initializeVariables(manifest, arena, manifest.train.seed, run.mesh);
  executor->runIfPresent("refresh");
  TrainingStep step(*executor, manifest, data->loader, data->shards.training, manifest.train.seed,
                    manifest.train.steps);

  Snapshot snapshot;
  const ProgramInterface &micro = *manifest.program("micro");
  for (int64_t m = 0; m < manifest.train.microBatches; ++m) {
    step.load(micro, 0, m);
    for (const Input &input : micro.inputs)
      if (!input.name.starts_with("$"))
        snapshot.add(text("input.", m, "/", input.name), input, arena);
  }
  StepResult result = step.accumulate(0);
  for (const Variable &variable : manifest.variables) {
    if (variable.role == Role::Gradient) {
      snapshot.add("gradient/" + variable.of, variable, arena);
      if (step.scalesLoss())
        for (int64_t i = 0; i < variable.elements(); ++i) // a power of two: exact
          reinterpret_cast<float *>(snapshot.copies.back().data())[i] /= float(step.lossScale.scale);
    }
    if (isParameter(variable.role))
      snapshot.add("weight/" + variable.name, variable, arena);
  }
  float loss = float(result.loss);
  snapshot.views.push_back({"loss", DType::F32, {}, &loss});
  replaceFile(run.options.out, [&](const std::string &aside) {
    writeSafetensors(aside, snapshot.views, {{"spec_hash", manifest.specHash}});
  });
  std::printf("loss %.9g\n", result.loss);
}

} // namespace kinu::rt
