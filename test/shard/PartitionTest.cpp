// Two steps of small models under layouts, on ranks that are interpreted in double precision, against the model on one
// rank. Sums are ordered otherwise, so numbers agree to rounding in double.
#include "Ranks.h"

#include "compiler/Pipeline.h"
#include "compiler/shard/Shard.h"
#include "test/numeric/Batch.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

namespace {

struct Case {
  const char *name;
  const char *example; ///< a folder of examples/, or a file beside this one
  std::map<std::string, int64_t> defines;
  const char *mesh;               ///< as in `tofu.mesh`
  const char *layout;             ///< the attribute `kinu.layout`
  const char *pipeline = nullptr; ///< the attribute `kinu.pipeline`
};

std::string afterDifferentiate(const Case &of, std::optional<TypedModel> &plan) {
  std::string folder = KINU_SOURCE_DIR;
  PipelineOptions options;
  options.spec = StringRef(of.example).ends_with(".kinu")
                     ? folder + "/test/shard/Inputs/" + of.example
                     : folder + "/examples/" + of.example + "/" + of.example + ".kinu";
  options.defines = of.defines;
  options.stopAfter = Stage::Differentiate;
  SmallString<128> file;
  llvm::sys::fs::createTemporaryFile("kinu", "mlir", file);
  llvm::FileRemover remover(file);
  options.output = file.str().str();
  static std::deque<SourceMap> sources; // the plans' ranges are in them
  Diagnostics diagnostics;
  plan = checkSpec(options, sources.emplace_back(), diagnostics);
  EXPECT_EQ(runPipeline(options, sources.emplace_back(), diagnostics), 0);
  auto text = llvm::MemoryBuffer::getFile(file);
  return (*text)->getBuffer().str();
}

/// The module of each stage; of one if there is no pipeline.
std::vector<std::string> partitioned(const std::string &text, const Case &of) {
  MLIRContext context;
  context.loadDialect<KinuDialect, tofu::TofuDialect>();
  std::vector<std::string> results;
  int64_t stages = 1;
  for (int64_t stage = 0; stage < stages; ++stage) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    std::string pipeline = of.pipeline ? ", kinu.pipeline = " + std::string(of.pipeline) : "";
    auto mesh = parseSourceString<ModuleOp>("module attributes {kinu.layout = " + std::string(of.layout) + pipeline +
                                                "} { tofu.mesh " + of.mesh + " }",
                                            &context);
    for (StringRef name : {"kinu.layout", "kinu.pipeline"})
      if (Attribute attribute = (*mesh)->getAttr(name))
        (*module)->setAttr(name, attribute);
    stages = shard::stages(*module);
    tofu::meshOf(*mesh)->moveBefore(&module->getBody()->front());
    PassManager passes(&context);
    passes.addPass(shard::createCutStage({stage}));
    passes.addPass(shard::createPartitionPrograms());
    passes.addPass(createCanonicalizerPass());
    passes.addPass(createCSEPass());
    EXPECT_TRUE(succeeded(passes.run(*module)));
    llvm::raw_string_ostream(results.emplace_back()) << *module;
  }
  return results;
}

Tensor scalar(MLIRContext *context, double value) {
  return Tensor(NamedTensorType::get(context, {}, Float32Type::get(context)), std::vector<double>{value});
}
Tensor scalar(MLIRContext *context, int64_t value, unsigned bits) {
  return Tensor(NamedTensorType::get(context, {}, IntegerType::get(context, bits)), std::vector<int64_t>{value});
}

class Partition : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    text = afterDifferentiate(GetParam(), plan);
    context.loadDialect<KinuDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
    whole = std::make_unique<interpret::Interpreter>(*module);
    ranks = std::make_unique<Ranks>(partitioned(text, GetParam()));
    for (VariableOp variable : module->getOps<VariableOp>()) {
      if (variable.getRole() == "gradient")
        continue;
      Tensor value = interpret::initialValue(variable, 1);
      whole->setVariable(variable.getSymName(), value);
      ranks->setVariable(variable.getSymName(), value);
    }
  }

  std::map<std::string, Tensor> inputs(StringRef program, int64_t step, int64_t micro) {
    const typed::TrainConfig &train = *plan->train;
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

  void run(StringRef program, int64_t step, int64_t micro) {
    auto given = inputs(program, step, micro);
    for (auto &[name, value] : given)
      whole->setInput(name, value);
    llvm::Error error = whole->run(program);
    ASSERT_FALSE(error) << llvm::toString(std::move(error));
    ranks->run(program, given);
    ASSERT_EQ(ranks->fault, "") << program.str();
    for (auto &[name, value] : whole->allOutputs())
      if (value.size() == 1)
        EXPECT_NEAR(ranks->output(name), value[0], 1e-9 * std::max(1.0, std::abs(value[0]))) << program.str() << name;
  }

  /// The passes of a step, in the order of each stage; outputs are the sums over micro-batches.
  void runPipeline(int64_t step) {
    std::map<std::string, double> wanted;
    std::vector<Ranks::Inputs> microBatches;
    for (int64_t micro = 0; micro < plan->train->accumulate; ++micro) {
      microBatches.push_back(inputs("micro", step, micro));
      for (auto &[name, value] : microBatches.back())
        whole->setInput(name, value);
      llvm::Error error = whole->run("micro");
      ASSERT_FALSE(error) << llvm::toString(std::move(error));
      for (auto &[name, value] : whole->allOutputs())
        if (value.size() == 1)
          wanted[name] += value[0];
    }
    std::map<std::string, double> made = ranks->runStep(microBatches);
    ASSERT_EQ(ranks->fault, "");
    for (auto &[name, value] : wanted)
      EXPECT_NEAR(made[name], value, 1e-9 * std::max(1.0, std::abs(value))) << name;
  }

  std::optional<TypedModel> plan;
  std::string text;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<interpret::Interpreter> whole;
  std::unique_ptr<Ranks> ranks;
};

TEST_P(Partition, TwoStepsAreOneRanks) {
  for (int64_t step : {0, 1}) {
    if (GetParam().pipeline)
      ASSERT_NO_FATAL_FAILURE(runPipeline(step));
    else
      for (int64_t micro = 0; micro < plan->train->accumulate; ++micro)
        ASSERT_NO_FATAL_FAILURE(run("micro", step, micro));
    ASSERT_NO_FATAL_FAILURE(run("update", step, 0));
  }
  double largest = 0;
  for (VariableOp variable : module->getOps<VariableOp>()) {
    if (variable.getRole() == "gradient")
      continue;
    Tensor there = ranks->variable(variable.getSymName());
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
  EXPECT_LE(ranks->disagreement, 1e-9);
  if (module->lookupSymbol<ProgramOp>("eval"))
    ASSERT_NO_FATAL_FAILURE(run("eval", 0, 0));
  printf("%s: %ld ranks, weights and moments differ by at most %.1e\n", GetParam().name, long(ranks->count()), largest);
}

const std::map<std::string, int64_t> kGpt2{{"vocab", 32},  {"width", 16}, {"depth", 2}, {"heads", 4},
                                           {"context", 8}, {"batch", 4},  {"seq", 8},   {"accumulate", 2}};

const std::map<std::string, int64_t> kWide{{"vocab", 32},  {"width", 16}, {"depth", 1}, {"heads", 4},
                                           {"context", 8}, {"batch", 8},  {"seq", 8},   {"accumulate", 2}};
const std::map<std::string, int64_t> kLlama{{"vocab", 64}, {"width", 32},    {"depth", 2},    {"hidden", 48},
                                            {"groups", 2}, {"reps", 2},      {"context", 16}, {"batch", 4},
                                            {"seq", 16},   {"accumulate", 1}};
const std::map<std::string, int64_t> kMixtral{{"vocab", 64}, {"width", 32}, {"depth", 2},     {"hidden", 48},
                                              {"groups", 2}, {"reps", 2},   {"experts", 4},   {"context", 16},
                                              {"batch", 4},  {"seq", 16},   {"accumulate", 1}};
const std::map<std::string, int64_t> kSmall{{"vocab", 64},   {"width", 32}, {"depth", 2}, {"heads", 2},
                                            {"context", 16}, {"batch", 4},  {"seq", 16},  {"accumulate", 1}};
const std::map<std::string, int64_t> kGemma{{"vocab", 64},   {"width", 32}, {"depth", 2},      {"hidden", 48},
                                            {"groups", 2},   {"reps", 2},   {"head_width", 8}, {"window", 5},
                                            {"context", 16}, {"batch", 4},  {"seq", 16},       {"accumulate", 1}};
const std::map<std::string, int64_t> kT5{{"vocab", 64},     {"width", 32},  {"depth", 2},   {"heads", 2},
                                         {"head_width", 8}, {"hidden", 48}, {"buckets", 8}, {"context", 16},
                                         {"batch", 4},      {"seq", 8},     {"source", 12}, {"accumulate", 1}};

/// `base` with other sizes.
std::map<std::string, int64_t> with(std::map<std::string, int64_t> base, std::map<std::string, int64_t> other) {
  for (auto [name, size] : base)
    other.emplace(name, size);
  return other;
}
const std::map<std::string, int64_t> kDeep = with(kGpt2, {{"depth", 4}, {"batch", 8}, {"accumulate", 4}});
const std::map<std::string, int64_t> kDeepMixtral = with(kMixtral, {{"depth", 4}, {"batch", 8}, {"accumulate", 2}});

const char *kTensor = R"({rules = [["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]]})";

INSTANTIATE_TEST_SUITE_P(
    Layouts, Partition,
    testing::Values(
        Case{"Data", "gpt2", kGpt2, R"(["data"] [2])", R"({rules = [["batch", "data"]]})"},
        Case{"Tensor", "gpt2", kGpt2, R"(["tensor"] [2])", kTensor},
        Case{"TensorOfFour", "gpt2", kGpt2, R"(["tensor"] [4])", kTensor},
        Case{
            "Sequence", "gpt2", kGpt2, R"(["tensor"] [2])",
            R"({rules = [["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]], between = [["seq", "tensor"]]})"},
        Case{"Zero1", "gpt2", kGpt2, R"(["data"] [2])", R"({rules = [["batch", "data"]], zero = 1, zero_on = "data"})"},
        Case{"Zero2", "gpt2", kGpt2, R"(["data"] [2])", R"({rules = [["batch", "data"]], zero = 2, zero_on = "data"})"},
        Case{"Zero3", "gpt2", kGpt2, R"(["data"] [2])", R"({rules = [["batch", "data"]], zero = 3, zero_on = "data"})"},
        Case{"Context", "gpt2", kGpt2, R"(["context"] [2])", R"({rules = [["seq", "context"]]})"},
        Case{"DataTensorSequenceZero", "gpt2", kGpt2, R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]], zero = 1, zero_on = "data"})"},
        Case{
            "LlamaGroups", "llama3-8b", kLlama, R"(["tensor"] [2])",
            R"({rules = [["group", "tensor"], ["ffn", "tensor"], ["token", "tensor"]], between = [["seq", "tensor"]]})"},
        Case{
            "LlamaFewerGroupsThanRanks", "llama3-8b", kLlama, R"(["tensor", "data"] [4, 2])",
            R"({rules = [["group", "tensor"], ["rep", "tensor"], ["ffn", "tensor"], ["token", "tensor"], ["batch", "data"]],
                 zero = 3, zero_on = "data"})"},
        Case{
            "LlamaGroupsAndReps", "llama3-8b", kLlama, R"(["outer", "inner"] [2, 2])",
            R"({rules = [["group", "outer"], ["rep", "inner"], ["ffn", "outer", "inner"], ["token", "outer", "inner"]]})"},
        Case{"MixtralExperts", "mixtral-8x7b", kMixtral, R"(["expert"] [2])", R"({rules = [["expert", "expert"]]})"},
        Case{"MixtralExpertsWhereDataIs", "mixtral-8x7b", kMixtral, R"(["data"] [4])",
             R"({rules = [["batch", "data"], ["expert", "data"]]})"},
        Case{"MixtralExpertsTensorData", "mixtral-8x7b", kMixtral, R"(["data", "expert", "tensor"] [2, 2, 2])",
             R"({rules = [["batch", "data"], ["expert", "expert"], ["ffn", "tensor"], ["group", "tensor"],
                          ["token", "tensor"]], between = [["seq", "tensor"]], zero = 2, zero_on = "data"})"},
        Case{"Bert", "bert", kSmall, R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]], zero = 1, zero_on = "data"})"},
        Case{"Bloom", "bloom", kSmall, R"(["tensor"] [2])", kTensor},
        Case{"BloomContext", "bloom", kSmall, R"(["context", "tensor"] [2, 2])",
             R"({rules = [["seq", "context"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]]})"},
        Case{"Packed", "packed", kSmall, R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]]})"},
        Case{"Gemma", "gemma2", kGemma, R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["group", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]]})"},
        Case{"T5", "t5", kT5, R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]], zero = 1, zero_on = "data"})"},
        Case{"PipelineOfTwo", "gpt2", kDeep, R"(["pipe"] [2])", R"({rules = []})",
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 2, 4>, schedule = "gpipe"})"},
        Case{"PipelineUneven", "gpt2", kDeep, R"(["pipe"] [3])", R"({rules = []})",
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 1, 3, 4>, schedule = "1f1b"})"},
        Case{"PipelineZeroBubble", "gpt2", kDeep, R"(["pipe", "tensor"] [3, 2])", kTensor,
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 1, 2, 4>, schedule = "zero_bubble"})"},
        Case{"PipelineDataTensorZero", "gpt2", kDeep, R"(["data", "pipe", "tensor"] [2, 2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]], zero = 1, zero_on = "data"})",
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 3, 4>, schedule = "1f1b"})"},
        Case{"PipelineMixtral", "mixtral-8x7b", kDeepMixtral, R"(["pipe", "expert"] [2, 2])",
             R"({rules = [["expert", "expert"]]})",
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 1, 4>, schedule = "1f1b"})"},
        Case{"BatchOnTwoAxes", "gpt2", kWide, R"(["pod", "data"] [2, 2])", R"({rules = [["batch", "pod", "data"]]})"}),
    [](const testing::TestParamInfo<Case> &info) { return std::string(info.param.name); });

} // namespace
