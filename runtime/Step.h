// One step of training: micro-batches, their sums, the optimizer's update.
#pragma once

#include "runtime/Bindings.h"
#include "runtime/Executor.h"
#include "runtime/LossScale.h"
#include "runtime/SampleOrder.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kinu::rt {

/// What a program is told besides its data; programs take what they have an input for.
struct Scalars {
  int64_t step = 0, batchOffset = 0, position = 0;
  uint64_t seed = 0;
  bool first = true; ///< first micro-batch: gradients are overwritten rather than added to
  double lossCount = 1, learningRate = 0, biasCorrection1 = 1, biasCorrection2 = 1, lossScale = 1;
};

/// Fills the reserved inputs ($step, $seed, ...) of `program`, the rank's place on the mesh among them.
void setScalars(const ProgramInterface &program, const Scalars &scalars, char *arena, const Mesh &mesh = Mesh::alone());

/// The scalar output `name` of `program`; 0 if it has none.
double readScalar(const ProgramInterface &program, std::string_view name, const char *arena);

/// Outputs of which ranks have parts of a sum. What they add up to is found once, when all micro-batches are done:
/// until then each rank adds up its shares.
class RankSums {
public:
  /// `stages`: the axis of the mesh along which the stages of a pipeline stand, of which one has a sum and the others
  /// zeros; empty if each has the same.
  RankSums(const ProgramInterface &program, const std::vector<Axis> &mesh, const Mesh &ranks, std::string stages = "");

  /// What this rank adds: an output; 0 if another rank of the group has the same, or if there is none.
  double share(std::string_view output, const char *arena) const;
  double share(const Buffer &output, const char *arena) const;
  /// Replaces sums of shares by what they add up to.
  void sum(const std::vector<double *> &sums) const;

  const ProgramInterface &program;

private:
  const Mesh &ranks;
  std::string stages;
  std::vector<std::string> group; ///< axes of the mesh: those of all sums
};

/// Named averages that programs return in parts: outputs metric.NAME.sum and metric.NAME.count.
class MetricSums {
public:
  void add(const RankSums &shares, const char *arena, double factor = 1);
  std::map<std::string, double> averages() const;
  /// The sums of shares, to be added up over ranks.
  std::vector<double *> all();

private:
  std::map<std::string, std::pair<double, double>> sums; ///< name to (sum, count)
};

/// The sequences of a batch that a rank has.
struct RowRange {
  int64_t first, count;
};
RowRange rowsOf(const ProgramInterface &program, int64_t batch, const Mesh &mesh);

struct StepResult {
  double loss = 0;         ///< with auxiliary losses, nats per element of the global batch
  double gradientNorm = 0; ///< before clipping; 0 if the update does not measure it
  bool overflow = false;   ///< gradients overflowed in fp16: nothing but the loss scale has changed
  double learningRate = 0;
  std::map<std::string, double> metrics;
};

/// Draws samples of the training part and runs the programs `count`, `micro` and `update` over them; in a stage of a
/// pipeline `forward` and `backward` instead of `micro`.
class TrainingStep {
public:
  /// Throws Failure (Exit::BadData) if the training part is too small for one window.
  TrainingStep(Executor &executor, const Manifest &manifest, const InputLoader &loader, const TokenShard &shard,
               uint64_t seed, int64_t steps);

  /// Loss and gradients of step `step`'s global batch; variables other than gradients are not touched.
  StepResult accumulate(int64_t step);
  /// Lets the optimizer use the gradients; adds the gradient norm to `result`. If they overflowed, the step is skipped.
  void update(int64_t step, StepResult &result);
  /// Loads this rank's sequences of micro-batch `micro` of step `step` into the inputs of `program`.
  void load(const ProgramInterface &program, int64_t step, int64_t micro);

  /// Whether gradients are multiples by `lossScale.scale`, as in fp16.
  bool scalesLoss() const { return updateProgram.input("$loss_scale") || micro.input("$loss_scale"); }
  LossScale lossScale; ///< of the next step

  int64_t tokensPerStep() const { return manifest.train.batch * manifest.train.seq; }
  double operationsPerStep() const;
  /// Sums what `ofProgram` says of a program's run over all runs of a step.
  double sumOverStep(const std::function<double(std::string_view)> &ofProgram) const;
  double epoch(int64_t step) const; ///< how often the text has been seen before step `step`

private:
  Sample sample(int64_t index) const;
  double countLossElements(int64_t step);
  /// The program of that name, or its copy for the last micro-batch.
  std::string programOf(std::string_view name, bool isLast) const;
  /// Runs a program over a micro-batch.
  const ProgramInterface &pass(const std::string &run, int64_t step, int64_t micro, double lossCount, int64_t store);
  /// This stage's passes of a step, in the order of its schedule; calls `afterLoss` with a program that has left
  /// losses.
  void runPipeline(int64_t step, double lossCount, const std::function<void(const ProgramInterface &)> &afterLoss);
  Scalars scalarsFor(int64_t step, int64_t micro, double lossCount) const;

  Executor &executor;
  const Manifest &manifest;
  const InputLoader &loader;
  const TokenShard &shard;
  uint64_t seed;
  int64_t steps, microBatch, samplesPerEpoch = 0, firstToken = 0;
  std::optional<WindowOrder> windows; ///< empty when samples are lines
  std::vector<Sample> rows;
  const ProgramInterface &micro; ///< of a stage of a pipeline, its forward pass
  const ProgramInterface &updateProgram;
};

} // namespace kinu::rt
