// `kinu plan`: what a layout costs, without running anything.
#include "compiler/tools/Commands.h"

using namespace kinu;
using namespace kinu::tools;

void tools::addPlan(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("plan", R"(say what a layout costs: memory, work and messages of a rank, placement

Examples:
  kinu plan gpt2.kinu --layout pair                  what a rank has, computes and sends in a step
  kinu plan gpt2.kinu --layout pair --nodes 252      with the degrees for so many nodes
  kinu plan gpt2.kinu --layout pair --json           the same for programs
  kinu plan gpt2.kinu --layout pair --svg pair.svg   and a drawing of the pipeline and the placement
  kinu plan gpt2.kinu                                for one rank)");
  auto options = std::make_shared<SpecOptions>();
  PipelineOptions &pipeline = options->pipeline;
  options->addTo(*command);
  options->addTargetTo(*command, "the layout of the spec to plan, for its own machine [one rank]");
  command->get_option("--machine")->excludes("--layout");
  command->add_option("-o,--output", pipeline.output, "where to write [standard output]");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "write one JSON object");
  command->add_option("--svg", pipeline.planDrawing, "a file for a drawing of the schedule and the placement, as SVG");
  command->add_flag("-v,--verbose", pipeline.verbose, "say how long each stage took");
  command->callback([=, &action] {
    action = [=] {
      PipelineOptions &pipeline = options->pipeline;
      options->parseDefines();
      pipeline.plan = *json ? PlanFormat::Json : PlanFormat::Text;
      SourceMap sources;
      Diagnostics diagnostics;
      int code = runPipeline(pipeline, sources, diagnostics);
      options->render(diagnostics, sources);
      return code;
    };
  });
}
