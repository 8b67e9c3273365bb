// See Evaluate.h.
//
// A program's batch is fixed, and the number of windows seldom a multiple of it. The loss is a sum over rows, so the
// last batch is filled up with copies of its first window, and their part is taken off again: it is measured by a batch
// of nothing but copies.
#include "runtime/Evaluate.h"

#include "runtime/Failure.h"
#include "runtime/Messages.h"
#include "runtime/Signals.h"
#include "runtime/Step.h"

#include <algorithm>
#include <cmath>

namespace kinu::rt {

namespace {
/// Sums over the rows seen so far.
struct Sums {
  double loss = 0, count = 0;
  double knownCount = 0; ///< of what counts no elements: as many for every row
  MetricSums metrics;
};

class Evaluator {
public:
  Evaluator(Executor &executor, const Manifest &manifest, const InputLoader &loader, const TokenShard &shard)
      : executor(executor), manifest(manifest), loader(loader), shard(shard), program(*manifest.program("eval")),
        shares(program, manifest.mesh, executor.mesh()) {
    for (const Input &input : program.inputs)
      batch = std::max(batch, input.wholeLength("batch"));
    own = rowsOf(program, batch, executor.mesh());
    fieldCount = countFields(manifest.train.data.bindings);
    extent = loader.extent(program);
    samples = fieldCount ? shard.pieces() / fieldCount
                         : std::max<int64_t>(0, shard.tokens() - extent.span + manifest.train.seq) / manifest.train.seq;
  }

  /// Adds `factor` times the sums over a batch: samples [first, first + present), filled up with copies of `first`.
  void addBatch(int64_t first, int64_t present, double factor) {
    std::vector<Sample> rows;
    for (int64_t row = own.first; row < own.first + own.count; ++row) {
      int64_t index = row < present ? first + row : first;
      rows.push_back({fieldCount ? index : extent.before + index * manifest.train.seq, index});
    }
    Scalars scalars;
    scalars.seed = manifest.train.seed;
    scalars.batchOffset = first;
    loader.load(program, shard, rows, {scalars.seed, 0, true}, executor.arena());
    setScalars(program, scalars, executor.arena(), executor.mesh());
    executor.run("eval");
    sums.loss += factor * shares.share("$loss_sum", executor.arena());
    sums.metrics.add(shares, executor.arena(), factor);
    if (program.output("$loss_count"))
      sums.count += factor * shares.share("$loss_count", executor.arena());
    else
      sums.knownCount += factor * elementsPerRow() * double(batch);
  }

  /// Makes the sums those of all ranks.
  void finish() {
    std::vector<double *> all = sums.metrics.all();
    all.insert(all.end(), {&sums.loss, &sums.count});
    shares.sum(all);
    sums.count += sums.knownCount;
  }

  double elementsPerRow() const {
    if (!manifest.lossCount)
      fail(Exit::Internal, "the program `eval` does not count the elements its loss averages over");
    return *manifest.lossCount / double(manifest.train.batch);
  }

  Executor &executor;
  const Manifest &manifest;
  const InputLoader &loader;
  const TokenShard &shard;
  const ProgramInterface &program;
  RankSums shares;
  WindowExtent extent;
  int64_t batch = 1, fieldCount = 0, samples = 0;
  RowRange own = {0, 1};
  Sums sums;
};
} // namespace

static void checkSamples(const Evaluator &evaluator) {
  if (evaluator.samples > 0)
    return;
  if (evaluator.shard.tokens() == 0)
    fail(Exit::BadData, "there is no text for validation; add `validation 0.1` to the train block, or `validation` and "
                        "the names of files, and build again");
  fail(Exit::BadData, "the validation part has ", evaluator.shard.tokens(), " tokens, one window needs ",
       evaluator.extent.span, "; let `validation` in the train block be a larger part, or 0 for none");
}

void checkValidation(Executor &executor, const Manifest &manifest, const InputLoader &loader, const TokenShard &shard) {
  checkSamples(Evaluator(executor, manifest, loader, shard));
}

std::optional<Evaluation> evaluate(Executor &executor, const Manifest &manifest, const InputLoader &loader,
                                   const TokenShard &shard) {
  if (!manifest.program("eval"))
    fail(Exit::Internal, "the executable has no program `eval`");
  Evaluator evaluator(executor, manifest, loader, shard);
  loader.check(evaluator.program);
  checkSamples(evaluator);
  for (int64_t first = 0; first < evaluator.samples; first += evaluator.batch) {
    if (executor.mesh().agree(stopRequested()))
      return std::nullopt;
    int64_t present = std::min(evaluator.batch, evaluator.samples - first), copies = evaluator.batch - present;
    evaluator.addBatch(first, present, 1);
    if (copies > 0)
      evaluator.addBatch(first, 1, -double(copies) / double(evaluator.batch));
  }
  evaluator.finish();
  Evaluation evaluation;
  evaluation.samples = evaluator.samples;
  evaluation.loss = evaluator.sums.count > 0 ? evaluator.sums.loss / evaluator.sums.count : 0;
  evaluation.metrics = evaluator.sums.metrics.averages();
  evaluation.perSequence = manifest.lossCount == double(manifest.train.batch) && manifest.train.seq > 1;
  if (manifest.lossCount && !evaluation.perSequence && evaluator.fieldCount == 0 && shard.characters > 0)
    evaluation.perCharacter = evaluation.loss * double(shard.tokens()) / double(shard.characters);
  return evaluation;
}

std::string describe(const Evaluation &evaluation) {
  std::string out =
      "loss " + formatFixed(evaluation.loss, 4) + " nats per " + (evaluation.perSequence ? "sequence" : "token");
  if (evaluation.perCharacter)
    out += ", " + formatFixed(*evaluation.perCharacter, 4) + " per character";
  if (!evaluation.perSequence)
    out += ", perplexity " + formatFixed(std::exp(evaluation.loss), 2);
  for (const auto &[name, value] : evaluation.metrics)
    out += ", " + name + " " + formatFixed(value, 4);
  return out;
}

} // namespace kinu::rt
