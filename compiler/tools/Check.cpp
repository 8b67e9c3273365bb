// `kinu check`: reports errors, and with `--sizes` what the model weighs.
#include "compiler/tools/Commands.h"

using namespace kinu;
using namespace kinu::tools;

/// 124439808 as 124,439,808.
static std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int64_t place = static_cast<int64_t>(digits.size()) - 3; place > 0; place -= 3)
    digits.insert(place, ",");
  return digits;
}

static void printSizes(const TypedModel &model) {
  size_t width = 5;
  for (const typed::Variable &variable : model.variables)
    width = std::max(width, variable.path.size());
  for (const typed::Variable &variable : model.variables) {
    std::string axes;
    for (const typed::Axis &axis : variable.axes)
      axes += (axes.empty() ? "" : ", ") + axis.name + "=" + std::to_string(axis.length);
    llvm::outs() << llvm::left_justify(variable.path, width)
                 << llvm::right_justify(grouped(parameterCount(variable)), 18) << "  [" << axes << "]\n";
  }
  llvm::outs() << llvm::left_justify("total", width) << llvm::right_justify(grouped(model.parameterCount()), 18)
               << "  weights\n";
}

void tools::addCheck(CLI::App &app, Action &action) {
  CLI::App *command = app.add_subcommand("check", R"(report errors in a spec

Examples:
  kinu check gpt2.kinu                      nothing is printed if all is well
  kinu check gpt2.kinu --sizes              its weights, and how many there are
  kinu check gpt2.kinu -D width=1024        as if the spec said so
  kinu check gpt2.kinu --diagnostics=json   for an editor)");
  auto options = std::make_shared<SpecOptions>();
  options->addTo(*command);
  auto sizes = std::make_shared<bool>(false);
  command->add_flag("--sizes", *sizes, "list the weights and count them");
  command->callback([=, &action] {
    action = [=] {
      options->parseDefines();
      SourceMap sources;
      Diagnostics diagnostics;
      std::optional<TypedModel> model = checkSpec(options->pipeline, sources, diagnostics);
      options->render(diagnostics, sources);
      if (!model)
        return diagnostics.hasErrors() ? kSpecErrors : kIoError;
      if (*sizes)
        printSizes(*model);
      return kOk;
    };
  });
}
