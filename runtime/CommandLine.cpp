// See CommandLine.h.
#include "runtime/CommandLine.h"

#include "runtime/Failure.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>

namespace kinu::rt {

static std::string examples(const std::string &name) {
  return text("\nExamples:\n"
              "  ./",
              name,
              "                              train; run it again to go on after an interruption\n"
              "  ./",
              name,
              " --steps 500 --seed 2         train for 500 steps from other initial weights\n"
              "  ./",
              name,
              " --data 'books/*.txt'         train on other text\n"
              "  ./",
              name,
              " eval                         loss over the whole validation part\n"
              "  ./",
              name,
              " generate --prompt 'Once'     write text\n"
              "  ./",
              name,
              " generate --prompt 'Once' --temperature 0.8 --top-k 40 --tokens 300\n"
              "  ./",
              name,
              " info                         what is inside, and how much memory it takes\n"
              "  ./",
              name,
              " profile                      where the time of a step goes\n"
              "  ./",
              name,
              " rehearse --seconds 2         how long ranks wait for one another, without computing\n"
              "\nExit codes: 0 done, 2 bad command line, 100 stopped by a signal (run again to go on), 101 checkpoint\n"
              "of another spec or seed, or ranks that do not agree, 102 bad text or tokenizer, 103 no valid "
              "checkpoint, 104 diverged,\n"
              "106 a file cannot be read or written, 107 a rank is stopped or dead, 108 internal error\n");
}

/// A whole number, or any number, in a range: what is not one is said in one way, and "nan" is not one.
template <class Number> static CLI::Validator number(const char *what, Number least, Number most) {
  auto check = [=](const std::string &word) -> std::string {
    Number value = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error == std::errc() && end == word.data() + word.size() && value >= least && value <= most)
      return "";
    return text("`", word, "` is not a ", what, " from ", least, " to ", most);
  };
  return CLI::Validator([check](std::string &word) { return check(word); }, "");
}

static CLI::Validator count(int64_t least = 0, int64_t most = int64_t(1) << 53) {
  return number<int64_t>("whole number", least, most);
}

static CLI::Validator real(double least, double most) { return number<double>("number", least, most); }

namespace {
/// Options that are given to all commands, of which each knows some.
class LimitedOptions {
public:
  LimitedOptions(CLI::App &app, Options &options);
  /// Options that the command would ignore are refused.
  void check(const std::string &command) const;

private:
  using Commands = std::vector<std::string>;
  template <typename Value>
  CLI::Option *add(const Commands &commands, const char *name, Value &value, const char *help) {
    return limited.emplace_back(app.add_option(name, value, help), commands).first;
  }
  CLI::Option *addFlag(const Commands &commands, const char *name, bool &value, const char *help) {
    return limited.emplace_back(app.add_flag(name, value, help), commands).first;
  }

  CLI::App &app;
  std::vector<std::pair<CLI::Option *, Commands>> limited;
};
} // namespace

LimitedOptions::LimitedOptions(CLI::App &app, Options &options) : app(app) {
  const Commands most = {"train", "eval", "generate", "gradients", "profile", "rehearse"};
  add({"train", "eval", "gradients", "profile", "rehearse"}, "--data", options.data,
      "text files or patterns, instead of the spec's");
  add(most, "--tokenizer", options.tokenizer, "sentencepiece model, instead of the spec's");
  add(most, "--checkpoint-dir", options.checkpointFolder, "checkpoints and encoded text [NAME.checkpoints]");
  add(most, "--seed", options.seed, "of initial weights, order of samples and random inputs, and sampling")
      ->check(count(0, std::numeric_limits<int64_t>::max()));
  add(most, "--threads", options.threads, "threads [all cores]")->check(count(0, 1 << 20));
  addFlag({"train", "eval", "generate", "profile", "rehearse"}, "--show-placement", options.showPlacement,
          "print where each rank stands");
  add({"train", "profile", "rehearse"}, "--steps", options.steps, "steps in all; schedules span them")->check(count());
  add({"train"}, "--checkpoint-every", options.checkpointEvery, "steps between checkpoints; 0: only at the end")
      ->check(count());
  add({"train"}, "--evaluate-every", options.evaluateEvery, "steps between evaluations; 0: only at the end")
      ->check(count());
  add({"train"}, "--metrics", options.metrics, "metrics as JSON lines [CHECKPOINT-DIR/metrics.jsonl]");
  addFlag({"train"}, "--fresh", options.fresh, "start over, whatever checkpoints there are");
  CLI::Option *trace = add({"train"}, "--trace", options.trace,
                           "write when launches ran to TRACE.RANK.json, for chrome://tracing or Perfetto");
  add({"train"}, "--trace-steps", options.traceSteps, "steps that are traced [3]")->check(count(1))->needs(trace);
  add({"train"}, "--watchdog", options.watchdog, "seconds after which a silent rank ends the job [120]; 0: never")
      ->check(real(0, 1e6));
}

void LimitedOptions::check(const std::string &command) const {
  for (const auto &[option, commands] : limited) {
    if (option->count() == 0 || std::find(commands.begin(), commands.end(), command) != commands.end())
      continue;
    std::string known;
    for (const std::string &other : commands)
      known += (known.empty() ? "`" : ", `") + other + "`";
    throw CLI::ValidationError(text("`", option->get_name(), "` means nothing to `", command, "`; it is for ", known));
  }
}

static void addGenerateOptions(CLI::App &app, Options &options) {
  app.add_option("--prompt", options.prompt, "text to go on from");
  app.add_option("--temperature", options.temperature, "0: always the likeliest piece [1]")->check(real(0, 100));
  app.add_option("--top-k", options.topK, "only the K likeliest pieces; 0: all")->check(count());
  app.add_option("--top-p", options.topP, "only the likeliest pieces of probability P together [1]")->check(real(0, 1));
  app.add_option("--tokens", options.tokens, "pieces to write [200]")->check(count());
}

/// What is wrong with a word that the command line has and no command takes there.
static std::string describeUnknown(const CLI::App &app, const std::string &word) {
  bool isOption = word.starts_with("-");
  std::string name = word.substr(0, word.find('='));
  for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; }))
    if (!isOption && command->get_name() == word)
      return text("one command at a time: `", word, "` comes after another");
    else if (isOption && command->get_option_no_throw(name))
      return text("`", name, "` is for `", command->get_name(), "`, and comes after it");
  return text("there is no ", isOption ? "option" : "command", " `", isOption ? name : word, "`");
}

ParsedCommandLine parseCommandLine(int argc, char **argv, const std::string &model) {
  std::string name = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : model;
  Options options;
  options.checkpointFolder = name + ".checkpoints";
  CLI::App app("Trains and runs the model `" + model + "`, compiled by kinu.", name);
  app.footer(examples(name));
  app.failure_message([name, &app](const CLI::App *parsed, const CLI::Error &error) {
    std::vector<std::string> unknown = parsed->remaining(true);
    std::string message = unknown.empty() ? error.what() : describeUnknown(app, unknown.front());
    return text("error: ", message, "\n help: ./", name, " --help shows what there is\n");
  });
  app.fallthrough();
  app.require_subcommand(0, 1);
  LimitedOptions limited(app, options);
  CLI::App *eval = app.add_subcommand("eval", "loss over the whole validation part, at the newest checkpoint");
  CLI::App *generate = app.add_subcommand("generate", "writes text, from the newest checkpoint");
  CLI::App *info = app.add_subcommand("info", "prints sizes, memory and variables");
  CLI::App *gradients = app.add_subcommand("gradients", "loss and gradients of the first step, from initial weights");
  CLI::App *profile =
      app.add_subcommand("profile", "measures kernels over --steps steps [3] from initial weights; saves nothing");
  CLI::App *rehearse = app.add_subcommand(
      "rehearse",
      "runs --steps steps [3] in which kernels sleep for their modelled time: how long ranks wait; saves nothing");
  rehearse
      ->add_option("--seconds", options.rehearsedSeconds, "kernels' time in a step on the busiest rank [as modelled]")
      ->check(real(1e-3, 1e6));
  rehearse
      ->add_option("--delay", options.delay,
                   "seconds that collectives of a step arrive late, all together, each by its bytes [0]")
      ->check(real(0, 1e6));
  rehearse->add_flag("!--no-polling", options.polls,
                     "ask MPI only when something is waited for: shows what asking between kernels is good for");
  rehearse
      ->add_option("--rank", options.playedRank, "play this rank alone and compute: what its kernels and memory take")
      ->check(count())
      ->excludes("--seconds")
      ->excludes("--delay")
      ->excludes("--no-polling");
  app.add_subcommand("train", "trains; what happens without a command");
  addGenerateOptions(*generate, options);
  gradients->add_option("--out", options.out, "safetensors file to write")->required();
  try {
    app.parse(argc, argv);
    for (const CLI::App *command : app.get_subcommands())
      limited.check(command->get_name());
  } catch (const CLI::ParseError &error) {
    return {std::nullopt, app.exit(error) == 0 ? 0 : int(Exit::Usage)};
  }
  using Command = Options::Command;
  options.command = *eval        ? Command::Eval
                    : *generate  ? Command::Generate
                    : *info      ? Command::Info
                    : *gradients ? Command::Gradients
                    : *profile   ? Command::Profile
                    : *rehearse  ? Command::Rehearse
                                 : Command::Train;
  for (const CLI::App *command : app.get_subcommands())
    options.commandName = command->get_name();
  return {options, 0};
}

void applyOptions(const Options &options, TrainPlan &train) {
  if (!options.data.empty())
    train.data.files = options.data;
  if (!options.tokenizer.empty())
    train.data.tokenizer = options.tokenizer;
  train.seed = options.seed.value_or(train.seed);
  train.steps = options.steps.value_or(train.steps);
  train.checkpointEvery = options.checkpointEvery.value_or(train.checkpointEvery);
  train.evaluateEvery = options.evaluateEvery.value_or(train.evaluateEvery);
}

} // namespace kinu::rt
