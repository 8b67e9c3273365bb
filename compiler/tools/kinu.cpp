// The driver: `kinu build`, `kinu check`, `kinu plan`, `kinu verify`, `kinu fmt`, `kinu tokenize`.
#include "compiler/tools/Commands.h"

#include "llvm/Support/raw_ostream.h"

#include <csignal>

using namespace kinu;
using namespace kinu::tools;

static constexpr const char *kDescription = R"(Kinu compiles a model spec to a program that trains the model.

Examples:
  kinu tokenize 'corpus/*.txt' --pieces 4000 -o corpus.model   train a tokenizer
  kinu check gpt2.kinu --sizes                                 check a spec, count its weights
  kinu plan gpt2.kinu --layout pair                            what a layout costs, before anything runs
  kinu build gpt2.kinu -o gpt2                                 compile for this machine
  ./gpt2                                                       train; again to go on where it stopped
  ./gpt2 generate --prompt 'Once upon a time'                  write text
  kinu build gpt2.kinu --machine fugaku -o gpt2.a64fx          compile for A64FX
  kinu build gpt2.kinu --emit=step -o -                        show the launches of a step)";

/// What was printed has to be out, too.
static int flushed(int code) {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return code;
  llvm::errs() << "error: cannot write to standard output: " << llvm::outs().error().message() << '\n';
  llvm::outs().clear_error();
  return kIoError;
}

int main(int argc, char **argv) {
  CLI::App app(kDescription, "kinu");
  app.set_version_flag("--version", std::string("kinu ") + KINU_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App *app, const CLI::Error &error) { return usageMessage(*app, error); });
  std::signal(SIGXFSZ, SIG_IGN); // a file larger than the user's limit is an error of writing, here and in the linker
  Action action;
  addBuild(app, action);
  addCheck(app, action);
  addPlan(app, action);
  addVerify(app, action);
  addFormat(app, action);
  addTokenize(app, action);
  try {
    app.parse(argc, argv);
    return flushed(action());
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
}

void SpecOptions::addTo(CLI::App &command) {
  command.add_option("spec", pipeline.spec, "the model spec, a .kinu file")->required();
  command.add_option("-D,--define", defines, "replace a size or a length of the spec: -D depth=24")
      ->type_name("NAME=N");
  command.add_option("--diagnostics", diagnostics, "how errors are written: text, or json (one object a line)")
      ->check(CLI::IsMember({"text", "json"}));
}

void SpecOptions::addTargetTo(CLI::App &command, const char *layoutHelp) {
  command.add_option("--machine", pipeline.machine, "the machine to compile for [the layout's, or this one]")
      ->check(CLI::IsMember(machines::knownNames()));
  command.add_option("--layout", pipeline.layout, layoutHelp)->check([](const std::string &name) {
    return name.empty() ? "a layout has a name" : "";
  });
  command.add_option("--nodes", pipeline.nodes, "the layout's degrees for so many nodes [its first]")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->needs("--layout");
}

void SpecOptions::parseDefines() {
  pipeline.json = diagnostics == "json";
  for (const std::string &define : defines) {
    llvm::StringRef name, number;
    std::tie(name, number) = llvm::StringRef(define).split('=');
    int64_t value;
    if (name.empty() || number.getAsInteger(10, value))
      throw CLI::ValidationError("-D", "`" + define + "` is not NAME=N with a whole number N");
    pipeline.defines[name.str()] = value;
  }
}

void SpecOptions::render(const Diagnostics &collected, const SourceMap &sources) const {
  if (diagnostics == "json") {
    renderJson(collected, sources, llvm::errs());
    return;
  }
  RenderOptions options;
  options.color = llvm::errs().has_colors();
  renderText(collected, sources, llvm::errs(), options);
}
