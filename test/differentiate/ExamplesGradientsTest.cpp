// Every example, shrunk by the line of its README: the gradient of each weight along a random direction against the
// central difference of the loss. What single ops' tests cannot see is here: how rules meet in whole models.
#include "compiler/Pipeline.h"
#include "compiler/recognise/Recognise.h"
#include "test/differentiate/Gradients.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

static std::string contents(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    llvm::report_fatal_error(("cannot read " + path).c_str());
  return (*buffer)->getBuffer().str();
}

/// What `import` leaves of an example, with the sizes that its README calls small.
static std::string importSmall(const std::string &name) {
  std::string folder = KINU_SOURCE_DIR "/examples/" + name + "/";
  PipelineOptions options;
  options.spec = folder + name + ".kinu";
  options.stopAfter = Stage::Import;
  std::string readme = contents(folder + "README.md");
  llvm::SmallVector<llvm::StringRef> words;
  llvm::SplitString(llvm::StringRef(readme).split("## Try it small").second, words);
  for (size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == "-D") {
      auto [define, value] = words[i + 1].split('=');
      options.defines[define.str()] = std::stoll(value.str());
    }
  llvm::SmallString<128> file;
  llvm::sys::fs::createTemporaryFile("kinu", "mlir", file);
  llvm::FileRemover remover(file);
  options.output = file.str().str();
  SourceMap sources;
  Diagnostics diagnostics;
  if (runPipeline(options, sources, diagnostics))
    llvm::report_fatal_error(("cannot import " + name).c_str());
  return contents(options.output);
}

/// Ids in range, small numbers for other ints, coin tosses for bools, what the run provides.
static void drawIntegers(Differentiated &graph) {
  graph.micro().walk([&](InputOp input) {
    if (input.getType().isFloat() || input.getName().starts_with("$"))
      return;
    Tensor value(input.getType());
    std::uniform_int_distribution<int64_t> below(0, input.getType().isBool() ? 1 : input.getBelow().value_or(3) - 1);
    for (int64_t &element : value.ints)
      element = below(graph.generator);
    graph.interpreter->setInput(input.getName(), value);
  });
  for (const char *scalar : {"$seed", "$step", "$batch_offset"})
    graph.interpreter->setInput(scalar, int64_t(0));
}

/// The loss with a variable moved by `step` along a direction.
static double lossAlong(Differentiated &graph, const std::string &name, const Tensor &direction, double step) {
  Tensor before = graph.interpreter->variable(name), moved = before;
  for (size_t i = 0; i < moved.floats.size(); ++i)
    moved.floats[i] += step * direction.floats[i];
  graph.interpreter->setVariable(name, moved);
  double loss = graph.loss();
  graph.interpreter->setVariable(name, before);
  return loss;
}

static void checkDirections(Differentiated &graph) {
  graph.loss();
  std::map<std::string, Tensor> variables = graph.interpreter->allVariables();
  double whole = 0;
  for (auto &[name, value] : variables)
    if (llvm::StringRef(name).ends_with(".gradient"))
      for (double element : value.floats)
        whole += element * element;
  std::normal_distribution<double> normal;
  for (auto &[name, value] : variables) {
    auto gradient = variables.find(name + ".gradient");
    if (gradient == variables.end())
      continue;
    Tensor direction(value.type);
    double inner = 0;
    for (size_t i = 0; i < direction.floats.size(); ++i) {
      direction.floats[i] = normal(graph.generator);
      inner += direction.floats[i] * gradient->second.floats[i];
    }
    const double step = 1e-6;
    double numeric = (lossAlong(graph, name, direction, step) - lossAlong(graph, name, direction, -step)) / (2 * step);
    EXPECT_NEAR(inner, numeric, 1e-5 * std::max(std::abs(numeric), 1e-2 * std::sqrt(whole))) << "of " << name;
  }
}

class ExamplesGradients : public testing::TestWithParam<const char *> {};

TEST_P(ExamplesGradients, AlongRandomDirections) {
  std::string text = importSmall(GetParam());
  for (auto before : {static_cast<void (*)(mlir::OpPassManager &)>(nullptr), recognise::buildPipeline}) {
    SCOPED_TRACE(before ? "recognised" : "as imported");
    Differentiated graph(text, -0.3, 0.3, {}, before);
    graph.drawInputs();
    drawIntegers(graph);
    checkDirections(graph);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExamplesGradients,
                         testing::Values("shakespeare", "gpt2", "llama3-8b", "bloom", "gemma2", "bert", "t5",
                                         "mixtral-8x7b", "packed"),
                         [](const auto &info) {
                           std::string name = info.param;
                           llvm::erase_if(name, [](char c) { return !llvm::isAlnum(c); });
                           return name;
                         });
