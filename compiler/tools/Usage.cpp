// What is said of a wrong command line: the word that is wrong, and the command or option that was perhaps meant.
#include "compiler/tools/Commands.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace kinu;

static std::string quoted(const std::string &name) { return "`" + name + "`"; }

static std::string unknownCommand(const CLI::App &app, const std::string &word) {
  std::vector<std::string> names;
  for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; }))
    names.push_back(command->get_name());
  std::string closest = closestWord(word, names);
  return "error: there is no command `" + word + "`\n help: " +
         (closest.empty() ? "the commands are " + llvm::join(llvm::map_range(names, quoted), ", ")
                          : "did you mean `kinu " + closest + "`?");
}

static std::string unknownOption(const CLI::App &command, const std::string &called, const std::string &word) {
  std::vector<std::string> names;
  for (const CLI::Option *option : command.get_options())
    for (const std::string &name : option->get_lnames())
      names.push_back("--" + name);
  std::string name = word.substr(0, word.find('=')), closest = closestWord(name, names);
  return "error: `" + called + "` has no option `" + name + "`\n help: " +
         (closest.empty() ? "`" + called + " --help` lists its options" : "did you mean `" + closest + "`?");
}

std::string tools::usageMessage(const CLI::App &app, const CLI::Error &error) {
  std::vector<CLI::App *> commands = app.get_subcommands();
  bool isCommand = !commands.empty() && app.remaining().empty();
  const CLI::App &command = isCommand ? *commands.front() : app;
  std::string called = isCommand ? app.get_name() + " " + command.get_name() : app.get_name();
  // What is missing may be missing only because a word beside it was misspelt, so words go first.
  std::vector<std::string> words = command.remaining();
  auto option = llvm::find_if(words, [](const std::string &word) { return llvm::StringRef(word).starts_with("-"); });
  if (option != words.end())
    return unknownOption(command, called, *option) + "\n";
  if (!words.empty() && !isCommand)
    return unknownCommand(app, words.front()) + "\n";
  if (!words.empty())
    return "error: `" + called + "` has no use for `" + words.front() + "`\n help: `" + called +
           " --help` shows what it takes\n";
  return "error: " + std::string(error.what()) + "\n help: kinu --help, or kinu COMMAND --help, shows what there is\n";
}
