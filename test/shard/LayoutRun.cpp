// See LayoutRun.h.
#include "test/shard/LayoutRun.h"

#include "test/numeric/Batch.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

#include <cmath>
#include <deque>

using namespace mlir;
using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

Compiled test::compile(PipelineOptions options) {
  SmallString<128> file;
  llvm::sys::fs::createTemporaryFile("kinu", "mlir", file);
  llvm::FileRemover remover(file);
  options.output = file.str().str();
  static std::deque<SourceMap> sources; // the models' ranges are in them
  Compiled result;
  Diagnostics diagnostics;
  result.model = checkSpec(options, sources.emplace_back(), diagnostics);
  Diagnostics again;
  result.code = runPipeline(options, sources.emplace_back(), again);
  for (const Diagnostic *diagnostic : again.sorted())
    result.message += diagnostic->message + "\n";
  if (result.code == 0)
    result.text = (*llvm::MemoryBuffer::getFile(file))->getBuffer().str();
  return result;
}

static Tensor scalar(MLIRContext *context, double value) {
  return Tensor(NamedTensorType::get(context, {}, Float32Type::get(context)), std::vector<double>{value});
}
static Tensor scalar(MLIRContext *context, int64_t value, unsigned bits) {
  return Tensor(NamedTensorType::get(context, {}, IntegerType::get(context, bits)), std::vector<int64_t>{value});
}

LayoutRun::LayoutRun(const std::string &text, const std::vector<std::string> &stages, const typed::TrainConfig &train)
    : train(train) {
  context.loadDialect<KinuDialect>();
  module = parseSourceString<ModuleOp>(text, &context);
  whole = std::make_unique<interpret::Interpreter>(*module);
  parts = std::make_unique<Ranks>(stages);
  for (VariableOp variable : module->getOps<VariableOp>()) {
    if (variable.getRole() == "gradient")
      continue;
    Tensor value = interpret::initialValue(variable, 1);
    whole->setVariable(variable.getSymName(), value);
    parts->setVariable(variable.getSymName(), value);
  }
}

std::map<std::string, Tensor> LayoutRun::inputs(StringRef program, int64_t step, int64_t micro) {
  int64_t microBatch = train.batch / train.accumulate;
  auto all = drawBatch(module->lookupSymbol<ProgramOp>(program), train, step * train.batch + micro * microBatch);
  double t = static_cast<double>(step) + 1;
  all["$step"] = scalar(&context, step, 64);
  all["$seed"] = scalar(&context, 1, 64);
  all["$batch_offset"] = scalar(&context, micro * microBatch, 64);
  all["$first"] = scalar(&context, micro == 0, 1);
  all["$loss_count"] = scalar(&context, 17.0);
  all["$learning_rate"] = scalar(&context, 1e-2);
  all["$bias_correction1"] = scalar(&context, 1 - std::pow(train.optimizer.beta1, t));
  all["$bias_correction2"] = scalar(&context, 1 - std::pow(train.optimizer.beta2, t));
  return all;
}

void LayoutRun::run(StringRef program, int64_t step, int64_t micro) {
  auto given = inputs(program, step, micro);
  for (auto &[name, value] : given)
    whole->setInput(name, value);
  llvm::Error error = whole->run(program);
  ASSERT_FALSE(error) << llvm::toString(std::move(error));
  parts->run(program, given);
  ASSERT_EQ(parts->fault, "") << program.str();
  for (auto &[name, value] : whole->allOutputs())
    if (value.size() == 1)
      EXPECT_NEAR(parts->output(name), value[0], 1e-9 * std::max(1.0, std::abs(value[0]))) << program.str() << name;
}

/// The passes of a step, in the order of each stage; outputs are the sums over micro-batches.
void LayoutRun::runPipeline(int64_t step) {
  std::map<std::string, double> wanted;
  std::vector<Ranks::Inputs> microBatches;
  for (int64_t micro = 0; micro < train.accumulate; ++micro) {
    microBatches.push_back(inputs("micro", step, micro));
    for (auto &[name, value] : microBatches.back())
      whole->setInput(name, value);
    llvm::Error error = whole->run("micro");
    ASSERT_FALSE(error) << llvm::toString(std::move(error));
    for (auto &[name, value] : whole->allOutputs())
      if (value.size() == 1)
        wanted[name] += value[0];
  }
  std::map<std::string, double> made = parts->runStep(microBatches);
  ASSERT_EQ(parts->fault, "");
  for (auto &[name, value] : wanted)
    EXPECT_NEAR(made[name], value, 1e-9 * std::max(1.0, std::abs(value))) << name;
}

void LayoutRun::compareVariables() {
  for (VariableOp variable : module->getOps<VariableOp>()) {
    if (variable.getRole() == "gradient")
      continue;
    Tensor there = parts->variable(variable.getSymName());
    const Tensor &here = whole->variable(variable.getSymName());
    double difference = 0, size = 1e-12;
    for (int64_t i = 0; i < here.size(); ++i) {
      difference = std::max(difference, std::abs(there[i] - here[i]));
      size = std::max(size, std::abs(here[i]));
    }
    // AdamW divides by the gradient's own size: what is zero in exact arithmetic is rounding, enlarged.
    double norm = 0;
    if (variable.getOwner())
      norm = 1;
    else
      for (double x : whole->variable((variable.getSymName() + ".gradient").str()).floats)
        norm = std::max(norm, std::abs(x));
    if (norm > 1e-12)
      EXPECT_LE(difference, 1e-7 * size) << variable.getSymName().str();
    largest = std::max(largest, difference / size);
  }
  EXPECT_EQ(parts->fault, "");
  EXPECT_LE(parts->disagreement, 1e-9);
}

void LayoutRun::compareTwoSteps() {
  for (int64_t step : {0, 1}) {
    if (parts->isPipeline())
      ASSERT_NO_FATAL_FAILURE(runPipeline(step));
    else
      for (int64_t micro = 0; micro < train.accumulate; ++micro)
        ASSERT_NO_FATAL_FAILURE(run("micro", step, micro));
    if (parts->has("reduce")) // `schedule` makes it part of the last micro-batch
      parts->run("reduce", {});
    ASSERT_NO_FATAL_FAILURE(run("update", step, 0));
  }
  compareVariables();
  if (module->lookupSymbol<ProgramOp>("eval"))
    ASSERT_NO_FATAL_FAILURE(run("eval", 0, 0));
}
