// `kinu tokenize`: trains a sentencepiece model from text.
#include "compiler/tools/Commands.h"
#include "runtime/File.h"
#include "runtime/TrainTokenizer.h"

using namespace kinu;
using namespace kinu::tools;

namespace {
struct Options {
  std::vector<std::string> files;
  std::string output;
  rt::TokenizerOptions training;
};
} // namespace

void tools::addTokenize(CLI::App &app, Action &action) {
  CLI::App *command = app.add_subcommand("tokenize", R"(train a tokenizer from text

Examples:
  kinu tokenize 'corpus/*.txt' --pieces 4000 -o corpus.model
  kinu tokenize book.txt --type char -o book.model       one piece per character
  kinu tokenize book.txt --validation 0.1 -o book.model  without the last tenth, which the spec keeps for validation)");
  using Type = rt::TokenizerOptions::Type;
  static const std::map<std::string, Type> types = {
      {"unigram", Type::Unigram}, {"bpe", Type::Bpe}, {"char", Type::Char}};
  auto options = std::make_shared<Options>();
  rt::TokenizerOptions &training = options->training;
  command->add_option("files", options->files, "text files, or patterns in quotes")->required();
  command->add_option("-o,--output", options->output, "the model to write")->required();
  command->add_option("--pieces", training.vocabulary, "how many pieces at most")->check(CLI::Range(8, 1000000));
  auto type = std::make_shared<std::string>("unigram");
  command->add_option("--type", *type, "what pieces are")->check(CLI::IsMember({"unigram", "bpe", "char"}));
  command->add_option("--validation", training.validation, "the last part of the text, left out")
      ->check(CLI::Range(0.0, 0.99));
  command->add_option("--coverage", training.characterCoverage, "share of characters that get a piece")
      ->check(CLI::Range(0.9, 1.0));
  command->add_option("--symbols", training.symbols, "more pieces, such as <mask>")->delimiter(',');
  command->add_option("--threads", training.threads, "threads to train with")->check(CLI::Range(1, 128));
  command->callback([=, &action] {
    action = [=] {
      try {
        options->training.type = types.at(*type);
        rt::checkOutput(options->output, rt::matchingFiles(options->files));
        rt::replaceFile(options->output, rt::trainTokenizer(options->files, options->training));
        return kOk;
      } catch (const rt::Failure &failure) {
        llvm::errs() << "error: " << failure.what() << '\n';
        return static_cast<int>(failure.code);
      }
    };
  });
}
