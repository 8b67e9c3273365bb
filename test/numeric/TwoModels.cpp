#include "TwoModels.h"
#include "Batch.h"

#include "compiler/differentiate/Differentiate.h"
#include "compiler/machines/Machine.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace mlir;
using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

/// The IR that a stage of the pipeline leaves, read back into `context`.
static OwningOpRef<ModuleOp> stageOf(MLIRContext &context, PipelineOptions options, Stage stage) {
  SmallString<128> file;
  llvm::sys::fs::createTemporaryFile("kinu", "mlir", file);
  llvm::FileRemover remover(file);
  options.stopAfter = stage;
  options.output = file.str().str();
  SourceMap sources;
  Diagnostics diagnostics;
  if (int code = runPipeline(options, sources, diagnostics)) {
    std::string messages;
    llvm::raw_string_ostream os(messages);
    renderText(diagnostics, sources, os);
    ADD_FAILURE() << options.spec << " exits " << code << " before " << std::string(name(stage)) << "\n" << messages;
    return nullptr;
  }
  return parseSourceFile<ModuleOp>(file, &context);
}

bool TwoModels::import(const std::string &spec, const std::map<std::string, int64_t> &defines) {
  DialectRegistry registry;
  differentiate::registerDerivatives(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<KinuDialect, step::StepDialect>();
  PipelineOptions pipeline;
  pipeline.spec = spec;
  pipeline.defines = defines;
  pipeline.lossChunkBytes = options.lossChunkBytes;
  // Stages before kernels find a machine by its name, and refuse fast fp16 to those that have none.
  if (options.machine.hasFp16 && !machines::detectLocal().hasFp16)
    pipeline.machine = "fugaku";
  Diagnostics diagnostics;
  plan = checkSpec(pipeline, sources, diagnostics);
  bool fp32 = plan && plan->train && plan->train->precision == typed::Precision::Fp32;
  graph = stageOf(context, pipeline, fp32 ? Stage::Import : Stage::Precision);
  allocated = stageOf(context, pipeline, Stage::Allocate);
  if (!plan || !plan->train || !graph || !allocated)
    return false;
  if (!fp32)
    return true;
  PassManager manager(&context);
  manager.addPass(createDifferentiate(differentiate::optionsFor(plan->train->optimizer)));
  return succeeded(manager.run(*graph));
}

TwoModels::TwoModels(const std::string &spec, const std::map<std::string, int64_t> &defines, TwoModelsOptions given)
    : options(std::move(given)), context(MLIRContext::Threading::DISABLED) {
  if (!import(spec, defines)) {
    ADD_FAILURE() << spec << " does not compile";
    return;
  }
  interpreter = std::make_unique<interpret::Interpreter>(*graph);
  compiled = std::make_unique<CompiledModel>(*allocated, options.machine);
  if (compiled->ok() && compiled->has("constants"))
    compiled->run("constants", {});
}

void TwoModels::setBoth(VariableOp variable, const Tensor &value) {
  interpreter->setVariable(variable.getSymName(), value);
  compiled->setVariable(variable.getSymName(), value);
}

void TwoModels::initializeWeights(uint64_t seed) {
  for (VariableOp variable : graph->getOps<VariableOp>())
    setBoth(variable, interpret::initialValue(variable, seed));
  refresh();
}

void TwoModels::refresh() {
  if (compiled->has("refresh"))
    run("refresh", {});
}

void TwoModels::drawWeights(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  for (VariableOp variable : graph->getOps<VariableOp>()) {
    Tensor value(cast<NamedTensorType>(variable.getType()));
    if (differentiate::isTrained(variable))
      for (double &x : value.floats)
        x = (variable.getInit() == "ones" ? 1 : 0) + (variable.getRole() == "weight" ? 0.15f : 0.2f) * normal(random);
    for (double &x : value.floats)
      x = static_cast<float>(x);
    setBoth(variable, value);
  }
  refresh();
}

static Tensor scalar(MLIRContext &context, double value) {
  return Tensor(NamedTensorType::get(&context, {}, Float32Type::get(&context)),
                std::vector<double>{static_cast<float>(value)});
}

static Tensor scalar(MLIRContext &context, int64_t value, unsigned bits = 64) {
  return Tensor(NamedTensorType::get(&context, {}, IntegerType::get(&context, bits)), std::vector<int64_t>{value});
}

std::map<std::string, Tensor> TwoModels::inputsOf(StringRef program, int64_t step, int64_t micro, double lossCount) {
  int64_t microBatch = train().batch / train().accumulate;
  auto inputs = drawBatch(graph->lookupSymbol<ProgramOp>(program), train(), step * train().batch + micro * microBatch);
  double t = static_cast<double>(step) + 1;
  inputs["$step"] = scalar(context, step);
  inputs["$seed"] = scalar(context, train().seed);
  inputs["$position"] = scalar(context, int64_t(1));
  inputs["$batch_offset"] = scalar(context, micro * microBatch);
  inputs["$first"] = scalar(context, micro == 0, 1);
  inputs["$loss_count"] = scalar(context, lossCount);
  inputs["$learning_rate"] = scalar(context, 1e-2);
  inputs["$loss_scale"] = scalar(context, lossScale);
  inputs["$bias_correction1"] = scalar(context, 1 - std::pow(train().optimizer.beta1, t));
  inputs["$bias_correction2"] = scalar(context, 1 - std::pow(train().optimizer.beta2, t));
  return inputs;
}

void TwoModels::run(StringRef program, std::map<std::string, Tensor> inputs) {
  for (auto &[name, value] : inputs)
    interpreter->setInput(name, value);
  if (llvm::Error error = interpreter->run(program))
    ADD_FAILURE() << program.str() << ": " << llvm::toString(std::move(error));
  compiled->run(program, inputs, order);
}

double TwoModels::count(int64_t step) {
  if (!graph->lookupSymbol<ProgramOp>("count"))
    return static_cast<double>(plan->loss->value->type.elements() * microBatches());
  double sum = 0;
  for (int64_t micro = 0; micro < microBatches(); ++micro) {
    run("count", inputsOf("count", step, micro, 1));
    double counted = interpreter->output("$loss_count")[0];
    EXPECT_EQ(compiled->outputs("count").at("$loss_count")[0], counted);
    sum += counted;
  }
  return sum;
}

void TwoModels::accumulate(int64_t step) {
  double lossCount = count(step), loss[2] = {0, 0};
  for (int64_t micro = 0; micro < microBatches(); ++micro) {
    run("micro", inputsOf("micro", step, micro, lossCount));
    auto outputs = compiled->outputs("micro");
    for (auto [name, divisor] :
         {std::pair("$loss_sum", lossCount), std::pair("$aux_sum", static_cast<double>(train().batch))}) {
      ASSERT_EQ(interpreter->hasOutput(name), outputs.count(name) != 0) << name;
      if (!interpreter->hasOutput(name))
        continue;
      loss[0] += interpreter->output(name)[0] / divisor;
      loss[1] += outputs.at(name)[0] / divisor;
    }
  }
  lossDifference = std::abs(loss[1] - loss[0]) / std::abs(loss[0]);
  EXPECT_LE(lossDifference, 1e-5 * options.slack) << "the loss is " << loss[1] << ", not " << loss[0];
}

void TwoModels::update(int64_t step) {
  run("update", inputsOf("update", step, 0, 1));
  double norm = interpreter->output("$gradient_norm")[0];
  EXPECT_NEAR(compiled->outputs("update").at("$gradient_norm")[0], norm, 1e-4 * options.slack * norm);
}

static double norm(const Tensor &tensor) {
  double sum = 0;
  for (int64_t i = 0; i < tensor.size(); ++i)
    sum += tensor[i] * tensor[i];
  return std::sqrt(sum);
}

/// ‖a - b‖; infinite where either has a NaN.
static double distance(const Tensor &a, const Tensor &b) {
  Tensor same = a.reordered(b.type);
  double sum = 0;
  for (int64_t i = 0; i < b.size(); ++i)
    sum += same[i] == b[i] ? 0 : (same[i] - b[i]) * (same[i] - b[i]);
  return std::isnan(sum) ? INFINITY : std::sqrt(sum);
}

static void keepLargest(Difference &largest, double relative, StringRef name) {
  if (relative > largest.relative || largest.of.empty())
    largest = {relative, name.str()};
}

Difference TwoModels::compareGradients(double floor) const {
  double all = 0;
  for (auto &[name, value] : interpreter->allVariables())
    if (StringRef(name).ends_with(".gradient"))
      all = std::hypot(all, norm(value));
  EXPECT_GT(all, 0);
  Difference largest;
  for (auto &[name, value] : interpreter->allVariables()) {
    if (!StringRef(name).ends_with(".gradient"))
      continue;
    double allowed = std::max(norm(value), floor * all), relative = distance(compiled->variable(name), value) / allowed;
    EXPECT_LE(relative, 1e-4 * options.slack) << "of " << name << ", whose norm is " << norm(value) << " of " << all;
    keepLargest(largest, relative, name);
  }
  return largest;
}

Difference TwoModels::compareChanges(StringRef role, const std::map<std::string, Tensor> &before) const {
  double all = 0;
  for (auto &[name, value] : interpreter->allVariables())
    if (StringRef(name).ends_with(".gradient"))
      all = std::hypot(all, norm(value));
  Difference largest;
  for (VariableOp variable : graph->getOps<VariableOp>()) {
    std::string name = variable.getSymName().str();
    std::string owner = variable.getOwner() ? variable.getOwner()->str() : name;
    if (variable.getRole() != role || norm(interpreter->variable(owner + ".gradient")) < 1e-5 * all)
      continue;
    double change = distance(interpreter->variable(name), before.at(name));
    EXPECT_GT(change, 0) << name << " did not change";
    // The fp32 variable is rounded, by up to 2^-24 of itself, once in each of two steps.
    double rounding = std::ldexp(norm(interpreter->variable(name)), -23);
    double differs = distance(compiled->variable(name), interpreter->variable(name)) - rounding;
    keepLargest(largest, std::max(differs, 0.0) / change, name);
  }
  return largest;
}

void TwoModels::runAndCompare(StringRef program) {
  run(program, inputsOf(program, 0, 0, 1));
  auto outputs = compiled->outputs(program);
  EXPECT_EQ(outputs.size(), interpreter->allOutputs().size());
  for (auto &[name, value] : interpreter->allOutputs()) {
    ASSERT_TRUE(outputs.count(name)) << name;
    double allowed = value.type.isFloat() ? 1e-5 * options.slack * norm(value) : 0;
    EXPECT_LE(distance(outputs.at(name), value), allowed) << program.str() << "'s " << name;
  }
}
