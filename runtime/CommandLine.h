// The command line of a training executable.
#pragma once

#include "runtime/Manifest.h"

#include <optional>
#include <string>
#include <vector>

namespace kinu::rt {

struct Options {
  enum class Command { Train, Eval, Generate, Info, Gradients, Profile, Rehearse } command = Command::Train;
  std::string commandName = "train"; ///< as it is typed

  std::vector<std::string> data; ///< replaces the spec's files
  std::string tokenizer;         ///< replaces the spec's tokenizer
  std::string checkpointFolder;
  std::optional<uint64_t> seed;
  int threads = 0; ///< 0: all cores

  std::optional<int64_t> steps, checkpointEvery, evaluateEvery;
  std::string metrics;
  bool fresh = false, showPlacement = false;
  std::string trace; ///< RANK.json is added; empty: none
  int64_t traceSteps = 3;
  double watchdog = 120; ///< seconds; 0: none

  std::string prompt;
  double temperature = 1, topP = 1;
  int64_t topK = 0, tokens = 200;

  std::string out;
  std::optional<int64_t> playedRank;      ///< alone, without the others
  std::optional<double> rehearsedSeconds; ///< that the busiest rank's kernels take in a step
  double delay = 0;                       ///< seconds that collectives of a step arrive late, all together
  bool polls = true;                      ///< asks MPI between kernels how far it is
};

/// What parsing came to: options to run with, or an exit code after help or a usage error was printed.
struct ParsedCommandLine {
  std::optional<Options> options;
  int exitCode = 0;
};

ParsedCommandLine parseCommandLine(int argc, char **argv, const std::string &model);

/// Puts the options that replace what the spec says into `train`.
void applyOptions(const Options &options, TrainPlan &train);

} // namespace kinu::rt
