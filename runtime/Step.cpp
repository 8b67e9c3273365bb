// See Step.h.
#include "runtime/Step.h"

#include "runtime/Failure.h"
#include "runtime/Schedule.h"

#include <algorithm>
#include <cstring>

namespace kinu::rt {

/// What follows the name of a program in that of its copy for the last micro-batch.
static constexpr const char *kLast = ".last";

static void setScalar(const Input &input, double value, int64_t whole, char *arena) {
  char *data = arena + input.offset;
  float narrow = float(value);
  if (input.dtype == DType::I64)
    std::memcpy(data, &whole, sizeof whole);
  else if (input.dtype == DType::F32)
    std::memcpy(data, &narrow, sizeof narrow);
  else
    *data = whole != 0;
}

static void setWhole(const Input &input, int64_t value, char *arena) { setScalar(input, double(value), value, arena); }
static void setReal(const Input &input, double value, char *arena) { setScalar(input, value, int64_t(value), arena); }

void setScalars(const ProgramInterface &program, const Scalars &scalars, char *arena, const Mesh &mesh) {
  for (const Input &input : program.inputs) {
    if (input.name == "$step")
      setWhole(input, scalars.step, arena);
    else if (input.name == "$seed")
      setWhole(input, int64_t(scalars.seed), arena);
    else if (input.name == "$batch_offset")
      setWhole(input, scalars.batchOffset, arena);
    else if (input.name == "$position")
      setWhole(input, scalars.position, arena);
    else if (input.name == "$first")
      setWhole(input, scalars.first, arena);
    else if (input.name == "$loss_count")
      setReal(input, scalars.lossCount, arena);
    else if (input.name == "$learning_rate")
      setReal(input, scalars.learningRate, arena);
    else if (input.name == "$bias_correction1")
      setReal(input, scalars.biasCorrection1, arena);
    else if (input.name == "$bias_correction2")
      setReal(input, scalars.biasCorrection2, arena);
    else if (input.name == "$loss_scale")
      setReal(input, scalars.lossScale, arena);
    else if (input.name.starts_with("$rank."))
      setWhole(input, mesh.coordinate(std::string_view(input.name).substr(6)), arena);
    else if (input.name.starts_with("$"))
      fail(Exit::Internal, "the runtime does not know the reserved input `", input.name, "`");
  }
}

static double readValue(const Buffer &buffer, const char *arena) {
  if (buffer.dtype == DType::F32)
    return *reinterpret_cast<const float *>(arena + buffer.offset);
  if (buffer.dtype == DType::I64)
    return double(*reinterpret_cast<const int64_t *>(arena + buffer.offset));
  return arena[buffer.offset];
}

double readScalar(const ProgramInterface &program, std::string_view name, const char *arena) {
  const Buffer *output = program.output(name);
  return output ? readValue(*output, arena) : 0;
}

RankSums::RankSums(const ProgramInterface &program, const std::vector<Axis> &mesh, const Mesh &ranks,
                   std::string stages)
    : program(program), ranks(ranks), stages(std::move(stages)) {
  // What other stages sum over is not known here.
  for (const Axis &axis : mesh) {
    bool summed = !this->stages.empty();
    for (const Buffer &output : program.outputs)
      summed |= std::find(output.sumOver.begin(), output.sumOver.end(), axis.name) != output.sumOver.end();
    if (summed)
      group.push_back(axis.name);
  }
}

double RankSums::share(const Buffer &output, const char *arena) const {
  for (const std::string &axis : group) {
    bool summed =
        axis == stages || std::find(output.sumOver.begin(), output.sumOver.end(), axis) != output.sumOver.end();
    if (!summed && ranks.coordinate(axis) > 0)
      return 0;
  }
  return readValue(output, arena);
}

double RankSums::share(std::string_view name, const char *arena) const {
  const Buffer *output = program.output(name);
  return output ? share(*output, arena) : 0;
}

void RankSums::sum(const std::vector<double *> &sums) const {
  if (group.empty())
    return;
  std::string axes;
  for (const std::string &axis : group)
    axes += (axes.empty() ? "" : ",") + axis;
  std::vector<double> values;
  for (double *sum : sums)
    values.push_back(*sum);
  ranks.sum(values, axes);
  for (size_t i = 0; i < sums.size(); ++i)
    *sums[i] = values[i];
}

void MetricSums::add(const RankSums &shares, const char *arena, double factor) {
  for (const Buffer &output : shares.program.outputs) {
    std::string_view name = output.name;
    if (!name.starts_with("metric."))
      continue;
    size_t dot = name.rfind('.');
    auto &[sum, count] = sums[std::string(name.substr(7, dot - 7))];
    (name.substr(dot) == ".sum" ? sum : count) += factor * shares.share(output, arena);
  }
}

std::map<std::string, double> MetricSums::averages() const {
  std::map<std::string, double> averages;
  for (const auto &[name, parts] : sums)
    averages[name] = parts.second == 0 ? 0 : parts.first / parts.second;
  return averages;
}

std::vector<double *> MetricSums::all() {
  std::vector<double *> values;
  for (auto &[name, parts] : sums) {
    values.push_back(&parts.first);
    values.push_back(&parts.second);
  }
  return values;
}

RowRange rowsOf(const ProgramInterface &program, int64_t batch, const Mesh &mesh) {
  for (const Input &input : program.inputs)
    if (auto split = input.split.find("batch"); split != input.split.end())
      return {mesh.part(split->second.on) * (batch / split->second.parts), batch / split->second.parts};
  return {0, batch};
}

static const ProgramInterface &require(const Manifest &manifest, const char *name) {
  const ProgramInterface *program = manifest.program(name);
  if (!program)
    fail(Exit::Internal, "the executable has no program `", name, "`");
  return *program;
}

TrainingStep::TrainingStep(Executor &executor, const Manifest &manifest, const InputLoader &loader,
                           const TokenShard &shard, uint64_t seed, int64_t steps)
    : executor(executor), manifest(manifest), loader(loader), shard(shard), seed(seed), steps(steps),
      microBatch(manifest.train.batch / manifest.train.microBatches),
      micro(require(manifest, manifest.pipeline ? "forward" : "micro")), updateProgram(require(manifest, "update")) {
  loader.check(micro);
  if (int64_t fieldCount = countFields(manifest.train.data.bindings)) {
    samplesPerEpoch = shard.pieces() / fieldCount;
    if (samplesPerEpoch == 0)
      fail(Exit::BadData, "the training part has no lines");
    return;
  }
  WindowExtent extent = loader.extent(micro);
  if (shard.tokens() < extent.span)
    fail(Exit::BadData, "the training part has ", shard.tokens(), " tokens, one window of ", manifest.train.seq,
         " needs ", extent.span);
  windows.emplace(seed, shard.tokens(), manifest.train.seq, extent.span);
  firstToken = extent.before;
  samplesPerEpoch = windows->windowsPerEpoch();
}

Sample TrainingStep::sample(int64_t index) const {
  int64_t row = index % manifest.train.batch;
  if (windows)
    return {firstToken + windows->start(index), row};
  uint64_t epoch = uint64_t(index / samplesPerEpoch);
  return {shuffledIndex(seed, epoch, index % samplesPerEpoch, samplesPerEpoch), row};
}

void TrainingStep::load(const ProgramInterface &program, int64_t step, int64_t micro) {
  RowRange own = rowsOf(program, microBatch, executor.mesh());
  int64_t first = step * manifest.train.batch + micro * microBatch + own.first;
  rows.resize(size_t(own.count));
  for (int64_t row = 0; row < own.count; ++row)
    rows[size_t(row)] = sample(first + row);
  loader.load(program, shard, rows, {seed, uint32_t(step), false}, executor.arena());
}

Scalars TrainingStep::scalarsFor(int64_t step, int64_t micro, double lossCount) const {
  const Optimizer &optimizer = manifest.train.optimizer;
  Scalars scalars;
  scalars.step = step;
  scalars.seed = seed;
  scalars.batchOffset = micro * microBatch;
  scalars.first = micro == 0;
  scalars.lossCount = lossCount;
  scalars.learningRate = learningRate(optimizer.rate, step, steps);
  // Moments have seen no more steps than were done.
  scalars.biasCorrection1 = biasCorrection(optimizer.beta1, step - lossScale.skipped);
  scalars.biasCorrection2 = biasCorrection(optimizer.beta2, step - lossScale.skipped);
  scalars.lossScale = lossScale.scale;
  return scalars;
}

/// Elements that the loss averages over in the global batch. None gives a loss of 0, so 1 will do as the divisor.
double TrainingStep::countLossElements(int64_t step) {
  if (manifest.lossCount)
    return *manifest.lossCount > 0 ? *manifest.lossCount : 1;
  const ProgramInterface &count = require(manifest, "count");
  RankSums shares(count, manifest.mesh, executor.mesh());
  double sum = 0;
  for (int64_t m = 0; m < manifest.train.microBatches; ++m) {
    load(count, step, m);
    setScalars(count, scalarsFor(step, m, 1), executor.arena(), executor.mesh());
    executor.run("count");
    sum += shares.share("$loss_count", executor.arena());
  }
  shares.sum({&sum});
  return sum > 0 ? sum : 1;
}

std::string TrainingStep::programOf(std::string_view name, bool isLast) const {
  std::string copy = std::string(name) + kLast;
  return isLast && manifest.program(copy) ? copy : std::string(name);
}

const ProgramInterface &TrainingStep::pass(const std::string &run, int64_t step, int64_t m, double lossCount,
                                           int64_t store) {
  const ProgramInterface &program = require(manifest, run.c_str());
  load(program, step, m);
  setScalars(program, scalarsFor(step, m, lossCount), executor.arena(), executor.mesh());
  executor.run(run, store);
  return program;
}

/// Losses are the last chunk's of the last stage; the others have zeros for them.
void TrainingStep::runPipeline(int64_t step, double lossCount,
                               const std::function<void(const ProgramInterface &)> &afterLoss) {
  const std::vector<Pass> &schedule = manifest.pipeline->schedule;
  auto programAt = [&](std::vector<Pass>::const_iterator at) {
    bool isLast = std::none_of(at + 1, schedule.end(),
                               [&](const Pass &later) { return later.kind == at->kind && later.chunk == at->chunk; });
    return programOf(at->program(), isLast);
  };
  for (auto at = schedule.begin(); at != schedule.end(); ++at) {
    if (at + 1 != schedule.end())
      executor.expect(programAt(at + 1), at[1].store);
    const ProgramInterface &program = pass(programAt(at), step, at->microBatch, lossCount, at->store);
    if (at->kind == Pass::Kind::Forward)
      afterLoss(program);
  }
}

StepResult TrainingStep::accumulate(int64_t step) {
  double lossCount = countLossElements(step), lossSum = 0, auxSum = 0;
  MetricSums metrics;
  auto sharesOf = [&](const ProgramInterface &program) {
    return RankSums(program, manifest.mesh, executor.mesh(), manifest.pipeline ? manifest.pipeline->axis : "");
  };
  auto add = [&](const ProgramInterface &program) {
    RankSums shares = sharesOf(program);
    lossSum += shares.share("$loss_sum", executor.arena());
    auxSum += shares.share("$aux_sum", executor.arena());
    metrics.add(shares, executor.arena());
  };
  if (manifest.pipeline) {
    runPipeline(step, lossCount, add);
  } else {
    for (int64_t m = 0; m < manifest.train.microBatches; ++m) {
      add(pass(programOf("micro", m + 1 == manifest.train.microBatches), step, m, lossCount, 0));
    }
  }
  std::vector<double *> sums = metrics.all();
  sums.insert(sums.end(), {&lossSum, &auxSum});
  sharesOf(micro).sum(sums);
  StepResult result;
  result.loss = lossSum / lossCount + auxSum / double(manifest.train.batch);
  result.learningRate = learningRate(manifest.train.optimizer.rate, step, steps);
  result.metrics = metrics.averages();
  return result;
}

void TrainingStep::update(int64_t step, StepResult &result) {
  setScalars(updateProgram, scalarsFor(step, 0, 1), executor.arena(), executor.mesh());
  executor.run("update");
  result.gradientNorm = readScalar(updateProgram, "$gradient_norm", executor.arena());
  result.overflow = readScalar(updateProgram, "$overflow", executor.arena()) != 0;
  if (scalesLoss())
    lossScale.update(result.overflow);
}

double TrainingStep::sumOverStep(const std::function<double(std::string_view)> &ofProgram) const {
  double sum = ofProgram("update"), count = double(manifest.train.microBatches);
  for (const auto &[name, program] : manifest.programs) {
    bool isLast = name.ends_with(kLast), hasLast = manifest.program(name + kLast);
    for (const char *kind : {"micro", "forward", "backward", "weights", "count"})
      if (kindOfProgram(name) == kind)
        sum += (isLast ? 1 : hasLast ? count - 1 : count) * ofProgram(name);
  }
  return sum;
}

double TrainingStep::operationsPerStep() const {
  return sumOverStep([&](std::string_view program) { return executor.operations(program); });
}

double TrainingStep::epoch(int64_t step) const {
  return double(step) * double(manifest.train.batch) / double(samplesPerEpoch);
}

} // namespace kinu::rt
