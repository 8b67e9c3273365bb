// `kinu build`: from a spec to an executable, or to what any stage leaves.
#include "compiler/tools/Commands.h"

using namespace kinu;
using namespace kinu::tools;

static const std::map<std::string, Product> kProducts = {
    {"tree", Product::Tree}, {"graph", Product::Graph},  {"step", Product::Step},  {"kernels", Product::Kernels},
    {"llvm", Product::Llvm}, {"asm", Product::Assembly}, {"obj", Product::Object}, {"exe", Product::Executable}};

static std::vector<std::string> productNames() {
  std::vector<std::string> names;
  for (const auto &[name, product] : kProducts)
    names.push_back(name);
  return names;
}

static std::vector<std::string> stageNames() {
  std::vector<std::string> names;
  for (int stage = 0; stage <= static_cast<int>(Stage::Emit); ++stage)
    names.emplace_back(name(static_cast<Stage>(stage)));
  return names;
}

/// The executable's default name: the spec's without `.kinu`.
static std::string defaultOutput(llvm::StringRef spec) {
  llvm::StringRef name = spec.rsplit('/').second.empty() ? spec : spec.rsplit('/').second;
  name.consume_back(".kinu");
  return name.str();
}

void tools::addBuild(CLI::App &app, Action &action) {
  CLI::App *command = app.add_subcommand("build", R"(compile a spec

Examples:
  kinu build gpt2.kinu -o gpt2                        an executable for this machine
  kinu build gpt2.kinu --machine fugaku -o gpt2.a64fx for A64FX
  kinu build gpt2.kinu -D depth=2 -D width=64 -o tiny a smaller model of the same shape
  kinu build gpt2.kinu --report=kernels               what each kernel costs by the model, without an executable
  kinu build gpt2.kinu --emit=asm -o gpt2.s           assembly of its kernels
  kinu build gpt2.kinu --stop-after=differentiate     the training step as IR
  kinu build gpt2.kinu --dump-dir stages -o gpt2      IR after every stage)");
  auto options = std::make_shared<SpecOptions>();
  PipelineOptions &pipeline = options->pipeline;
  options->addTo(*command);
  command->add_option("-o,--output", pipeline.output, "where to write; - is standard output");
  options->addTargetTo(*command, "the layout of the spec to build for; job scripts are for its own machine [one rank]");
  auto product = std::make_shared<std::string>("exe");
  command->add_option("--emit", *product, "what to write")->check(CLI::IsMember(productNames()));
  auto stop = std::make_shared<std::string>();
  command->add_option("--stop-after", *stop, "write what this stage leaves, and stop")
      ->check(CLI::IsMember(stageNames()));
  command->add_option("--dump-dir", pipeline.dumpFolder, "write a snapshot after every stage to this folder");
  auto report = std::make_shared<std::string>();
  CLI::Option *reports =
      command
          ->add_option(
              "--report", *report,
              "print a page on the kernels of a training step: what they do, what that costs on the machine by a "
              "model, what limits them. Without -o nothing else is made; an executable made with it has the "
              "modelled times, which its `profile` prints beside the measured ones")
          ->check(CLI::IsMember({"kernels"}));
  command
      ->add_option("--report-json", pipeline.reportJson,
                   "write the report as JSON to this file instead; - is standard output")
      ->needs(reports);
  command->add_flag("--locations", pipeline.locations, "write IR with the place in the spec of every op");
  command->add_option("-j,--jobs", pipeline.threads, "kernels compiled at a time; 0: one per core");
  command->add_flag("-v,--verbose", pipeline.verbose, "say what is done and how long it took");
  command->callback([=, &action] {
    action = [=] {
      PipelineOptions &pipeline = options->pipeline;
      options->parseDefines();
      pipeline.product = kProducts.at(*product);
      pipeline.report = !report->empty();
      if (pipeline.report && pipeline.output.empty() && pipeline.product == Product::Executable)
        pipeline.product = Product::Report;
      if (!stop->empty())
        pipeline.stopAfter = *parseStage(*stop);
      if (pipeline.report && (pipeline.stopAfter != Stage::Emit || pipeline.product < Product::Report))
        throw CLI::ValidationError("--report", "needs a whole build: it goes with neither --stop-after nor --emit");
      bool wantsFile = pipeline.stopAfter == Stage::Emit && pipeline.product >= Product::Object;
      if (pipeline.output.empty())
        pipeline.output =
            wantsFile ? defaultOutput(pipeline.spec) + (pipeline.product == Product::Object ? ".o" : "") : "-";
      SourceMap sources;
      Diagnostics diagnostics;
      int code = runPipeline(pipeline, sources, diagnostics);
      options->render(diagnostics, sources);
      return code;
    };
  });
}
