// `kinu fmt`: specs in the one way they are written.
#include "compiler/fmt/Format.h"
#include "compiler/parse/Parse.h"
#include "compiler/support/WriteFile.h"
#include "compiler/tools/Commands.h"

using namespace kinu;
using namespace kinu::tools;

namespace {
struct FormatOptions {
  std::vector<std::string> files;
  bool inPlace = false, check = false;
};
} // namespace

/// Formats one file. Returns the exit code.
static int formatFile(const std::string &path, const FormatOptions &options) {
  SourceMap sources;
  Diagnostics diagnostics;
  llvm::Expected<FileId> id = sources.addFile(path);
  if (!id) {
    llvm::errs() << "error: " << llvm::toString(id.takeError()) << '\n';
    return kIoError;
  }
  auto file = parse::parseFile(sources, *id, diagnostics);
  if (diagnostics.hasErrors()) {
    SpecOptions().render(diagnostics, sources);
    return kSpecErrors;
  }
  std::string text = fmt::format(*file, sources);
  if (options.check) {
    if (text != sources.text(*id))
      llvm::outs() << path << '\n';
    return text == sources.text(*id) ? kOk : kSpecErrors;
  }
  if (!options.inPlace) {
    llvm::outs() << text;
    return kOk;
  }
  if (text == sources.text(*id))
    return kOk;
  if (llvm::Error error = replaceFile(path, text)) {
    llvm::errs() << "error: cannot write " << llvm::toString(std::move(error)) << '\n';
    return kIoError;
  }
  return kOk;
}

void tools::addFormat(CLI::App &app, Action &action) {
  CLI::App *command = app.add_subcommand("fmt", R"(format specs

Examples:
  kinu fmt gpt2.kinu            print it formatted
  kinu fmt -i examples/*.kinu   format files in place
  kinu fmt --check gpt2.kinu    print its name and exit with 1 if it is not formatted)");
  auto options = std::make_shared<FormatOptions>();
  command->add_option("files", options->files, "the specs")->required();
  command->add_flag("-i,--in-place", options->inPlace, "write back to the files");
  command->add_flag("--check", options->check, "print the names of files that are not formatted");
  command->callback([=, &action] {
    action = [=] {
      int code = kOk;
      for (const std::string &path : options->files)
        code = std::max(code, formatFile(path, *options));
      return code;
    };
  });
}
