// Two steps of small models under layouts, on ranks that are interpreted in double precision, against the model on one
// rank. Sums are ordered otherwise, so numbers agree to rounding in double.
#include "LayoutRun.h"

#include "compiler/recompute/Recompute.h"
#include "compiler/shard/Shard.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::test;

namespace {

struct Case {
  const char *name;
  const char *example; ///< a folder of examples/, or a file beside this one
  std::map<std::string, int64_t> defines;
  const char *mesh;               ///< as in `tofu.mesh`
  const char *layout;             ///< the attribute `kinu.layout`
  const char *pipeline = nullptr; ///< the attribute `kinu.pipeline`
  bool recompute = false;         ///< the first stage computes its layers again
};

Compiled afterDifferentiate(const Case &of) {
  std::string folder = KINU_SOURCE_DIR;
  PipelineOptions options;
  options.spec = StringRef(of.example).ends_with(".kinu")
                     ? folder + "/test/shard/Inputs/" + of.example
                     : folder + "/examples/" + of.example + "/" + of.example + ".kinu";
  options.defines = of.defines;
  options.stopAfter = Stage::Differentiate;
  Compiled result = compile(options);
  EXPECT_EQ(result.code, 0) << result.message;
  return result;
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
    if (of.recompute && stage == 0)
      module->walk([](RepeatOp repeat) { repeat->setAttr("kinu.recompute", UnitAttr::get(repeat.getContext())); });
    PassManager passes(&context);
    passes.addPass(recompute::createRecomputeRepeats());
    passes.addPass(shard::createCutStage({stage}));
    passes.addPass(shard::createPadAxes({/*poison=*/true}));
    passes.addPass(shard::createPartitionPrograms());
    passes.addPass(createCanonicalizerPass());
    passes.addPass(createCSEPass());
    EXPECT_TRUE(succeeded(passes.run(*module)));
    llvm::raw_string_ostream(results.emplace_back()) << *module;
  }
  return results;
}

class Partition : public testing::TestWithParam<Case> {};

TEST_P(Partition, TwoStepsAreOneRanks) {
  Compiled whole = afterDifferentiate(GetParam());
  LayoutRun run(whole.text, partitioned(whole.text, GetParam()), *whole.model->train);
  run.compareTwoSteps();
  printf("%s: %ld ranks, weights and moments differ by at most %.1e\n", GetParam().name, long(run.ranks()),
         run.largest);
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
        Case{"OverlapPipeline", "gpt2", kDeep, R"(["data", "pipe"] [2, 2])",
             R"({rules = [["batch", "data"]], zero = 1, zero_on = "data", overlap = ["gradients"], bucket = 1})",
             R"({repeat = "layer", on = "pipe", schedule = "zero_bubble", bounds = array<i64: 0, 2, 4>})"},
        Case{
            "Sequence", "gpt2", kGpt2, R"(["tensor"] [2])",
            R"({rules = [["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]], between = [["seq", "tensor"]]})"},
        Case{"Zero1", "gpt2", kGpt2, R"(["data"] [2])", R"({rules = [["batch", "data"]], zero = 1, zero_on = "data"})"},
        Case{"Zero2", "gpt2", kGpt2, R"(["data"] [2])", R"({rules = [["batch", "data"]], zero = 2, zero_on = "data"})"},
        Case{"Zero3", "gpt2", kGpt2, R"(["data"] [2])", R"({rules = [["batch", "data"]], zero = 3, zero_on = "data"})"},
        Case{"Overlap", "gpt2", kGpt2, R"(["data"] [2])",
             R"({rules = [["batch", "data"]], overlap = ["gradients"], bucket = 1})"},
        Case{"OverlapZero1", "gpt2", kGpt2, R"(["data"] [2])",
             R"({rules = [["batch", "data"]], zero = 1, zero_on = "data", overlap = ["gradients"], bucket = 1})"},
        Case{"OverlapTensorZero1", "llama3-8b", kLlama, R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["group", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 zero = 1, zero_on = "data", overlap = ["gradients"], bucket = 1})"},
        Case{"Context", "gpt2", kGpt2, R"(["context"] [2])", R"({rules = [["seq", "context"]]})"},
        Case{"ContextOfKeys", "gpt2", kGpt2, R"(["context"] [2])",
             R"({rules = [["seq", "context"], ["key", "context"]]})"},
        Case{"RingOfFour", "gpt2", kGpt2, R"(["context"] [4])", R"({rules = [["seq", "context"]]})"},
        Case{"RingLlama", "llama3-8b", kLlama, R"(["data", "context", "tensor"] [2, 2, 2])",
             R"({rules = [["batch", "data"], ["seq", "context"], ["group", "tensor"], ["ffn", "tensor"],
                          ["token", "tensor"]], zero = 2, zero_on = "data"})"},
        Case{"RingOfFourLlama", "llama3-8b", kLlama, R"(["context"] [4])", R"({rules = [["seq", "context"]]})"},
        Case{"RingWindow", "gemma2", kGemma, R"(["context"] [4])", R"({rules = [["seq", "context"]]})"},
        Case{"RingDocuments", "packed", kSmall, R"(["context", "tensor"] [4, 2])",
             R"({rules = [["seq", "context"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]]})"},
        Case{"RingBert", "bert", kSmall, R"(["context"] [2])", R"({rules = [["seq", "context"]]})"},
        Case{"RingRecompute", "llama3-8b", kLlama, R"(["context"] [2])", R"({rules = [["seq", "context"]]})", nullptr,
             true},
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
        Case{"GemmaData", "gemma2", kGemma, R"(["data"] [2])", R"({rules = [["batch", "data"]]})"},
        Case{"Gemma", "gemma2", kGemma, R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["group", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]]})"},
        Case{"T5", "t5", kT5, R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]], zero = 1, zero_on = "data"})"},
        Case{"PaddedVocabulary", "gpt2", with(kGpt2, {{"vocab", 29}}), R"(["tensor"] [4])",
             R"({rules = [["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 pad = {token = array<i64: 29, 32>}})"},
        Case{"PaddedHeadsAndHidden", "gpt2", with(kGpt2, {{"width", 20}, {"heads", 5}}), R"(["tensor", "data"] [3, 2])",
             R"({rules = [["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"], ["batch", "data"]],
                 pad = {head = array<i64: 5, 6>, token = array<i64: 32, 33>, ffn = array<i64: 80, 81>},
                 zero = 1, zero_on = "data"})"},
        Case{"PaddedEmbedding", "gpt2", with(kGpt2, {{"width", 18}, {"heads", 2}}), R"(["tensor"] [4])",
             R"({rules = [["embed", "tensor"]], pad = {embed = array<i64: 18, 20>}})"},
        Case{"PaddedVocabularyZero3", "gpt2", with(kGpt2, {{"vocab", 31}}), R"(["data", "tensor"] [2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]], pad = {token = array<i64: 31, 32>}, zero = 3, zero_on = "data"})"},
        Case{"PaddedSoftCap", "gemma2", with(kGemma, {{"vocab", 61}, {"hidden", 47}}), R"(["tensor", "data"] [2, 2])",
             R"({rules = [["group", "tensor"], ["ffn", "tensor"], ["token", "tensor"], ["batch", "data"]],
                 pad = {token = array<i64: 61, 62>, ffn = array<i64: 47, 48>}, zero = 2, zero_on = "data"})"},
        Case{"PaddedSequence", "llama3-8b", kLlama, R"(["tensor", "data"] [3, 2])",
             R"({rules = [["ffn", "tensor"], ["batch", "data"]], between = [["seq", "tensor"]], zero = 1,
                 zero_on = "data"})"},
        Case{"PaddedSequenceOfRing", "llama3-8b", kLlama, R"(["context", "tensor"] [2, 3])",
             R"({rules = [["seq", "context"], ["ffn", "tensor"]], between = [["seq", "tensor"]]})"},
        Case{"PaddedSequenceZero3", "gpt2", with(kGpt2, {{"seq", 7}}), R"(["data", "tensor"] [2, 4])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]], zero = 3, zero_on = "data"})"},
        Case{"PaddedPipeline", "gpt2", with(kDeep, {{"vocab", 31}}), R"(["pipe", "tensor"] [2, 2])",
             R"({rules = [["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 pad = {token = array<i64: 31, 32>}})",
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 1, 4>, schedule = "1f1b"})"},
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
        Case{"PipelineDataContextTensorZero", "gpt2", kDeep, R"(["data", "pipe", "context", "tensor"] [2, 2, 2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"],
                          ["seq", "context"], ["key", "context"]], zero = 1, zero_on = "data"})",
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 2, 4>, schedule = "zero_bubble"})"},
        Case{"PipelineInterleaved", "gpt2", with(kDeep, {{"depth", 5}}), R"(["pipe"] [2])", R"({rules = []})",
             R"({repeat = "layer", on = "pipe", chunks = 2 : i64, bounds = array<i64: 0, 1, 3, 4, 5>,
                 schedule = "interleaved"})"},
        Case{"PipelineInterleavedOverlap", "gpt2", with(kDeep, {{"depth", 5}}), R"(["data", "pipe"] [2, 2])",
             R"({rules = [["batch", "data"]], overlap = ["gradients"], bucket = 1})",
             R"({repeat = "layer", on = "pipe", chunks = 2 : i64, bounds = array<i64: 0, 1, 3, 4, 5>,
                 schedule = "interleaved"})"},
        Case{"PipelineInterleavedDataTensorZero", "gpt2", kDeep, R"(["data", "pipe", "tensor"] [2, 2, 2])",
             R"({rules = [["batch", "data"], ["head", "tensor"], ["ffn", "tensor"], ["token", "tensor"]],
                 between = [["seq", "tensor"]], zero = 1, zero_on = "data"})",
             R"({repeat = "layer", on = "pipe", chunks = 2 : i64, bounds = array<i64: 0, 1, 2, 3, 4>,
                 schedule = "interleaved"})",
             true},
        Case{"PipelineMixtral", "mixtral-8x7b", kDeepMixtral, R"(["pipe", "expert"] [2, 2])",
             R"({rules = [["expert", "expert"]]})",
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 1, 4>, schedule = "1f1b"})"},
        Case{"RecomputeLlama", "llama3-8b", kLlama, R"(["tensor", "data"] [2, 2])",
             R"({rules = [["group", "tensor"], ["ffn", "tensor"], ["token", "tensor"], ["batch", "data"]],
                 between = [["seq", "tensor"]], zero = 3, zero_on = "data"})",
             nullptr, true},
        Case{"RecomputeMixtral", "mixtral-8x7b", kMixtral, R"(["data"] [4])",
             R"({rules = [["batch", "data"], ["expert", "data"]]})", nullptr, true},
        Case{"RecomputeT5", "t5", kT5, R"(["tensor"] [2])", kTensor, nullptr, true},
        Case{"RecomputePipeline", "gpt2", kDeep, R"(["pipe", "tensor"] [3, 2])", kTensor,
             R"({repeat = "layer", on = "pipe", bounds = array<i64: 0, 2, 3, 4>, schedule = "zero_bubble"})", true},
        Case{"BatchOnTwoAxes", "gpt2", kWide, R"(["pod", "data"] [2, 2])", R"({rules = [["batch", "pod", "data"]]})"}),
    [](const testing::TestParamInfo<Case> &info) { return std::string(info.param.name); });

} // namespace
