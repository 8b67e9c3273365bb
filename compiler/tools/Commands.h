// The commands of `kinu`: each adds itself to the command line and leaves what to run.
#pragma once

#include "compiler/ExitCodes.h"
#include "compiler/Pipeline.h"

#include "CLI/CLI.hpp"

#include <functional>

namespace kinu::tools {

/// What the chosen command does; returns the exit code.
using Action = std::function<int()>;

void addBuild(CLI::App &app, Action &action);
void addCheck(CLI::App &app, Action &action);
void addFormat(CLI::App &app, Action &action);
void addPlan(CLI::App &app, Action &action);
void addVerify(CLI::App &app, Action &action);
void addTokenize(CLI::App &app, Action &action);

/// What to say of a command line that `app` refused with `error`.
std::string usageMessage(const CLI::App &app, const CLI::Error &error);

/// Options that several commands share.
struct SpecOptions {
  PipelineOptions pipeline;
  std::vector<std::string> defines;
  std::string diagnostics = "text";

  void addTo(CLI::App &command);
  /// `--machine`, `--layout` and `--nodes`: what the spec is compiled for.
  void addTargetTo(CLI::App &command, const char *layoutHelp);
  /// Fills `pipeline.defines`; throws CLI::ValidationError on a malformed one.
  void parseDefines();
  /// Writes what was collected to standard error, in colour on a terminal.
  void render(const Diagnostics &collected, const SourceMap &sources) const;
};

} // namespace kinu::tools
