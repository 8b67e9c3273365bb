// `kinu tokenize`: trains a sentencepiece model from text.
#include "compiler/tools/Commands.h"
#include "runtime/Failure.h"
#include "runtime/TrainTokenizer.h"

#include <cstdio>
#include <fstream>

using namespace kinu;
using namespace kinu::tools;

namespace {
struct Options {
  std::vector<std::string> files;
  std::string output;
  rt::TokenizerOptions training;
};
} // namespace

/// Written aside and renamed, so that a model is there whole or not at all.
static void writeModel(const std::string &path, const std::string &bytes) {
  std::string aside = path + ".partial";
  std::ofstream out(aside, std::ios::binary);
  out << bytes;
  out.close();
  if (!out || std::rename(aside.c_str(), path.c_str()) != 0) {
    std::remove(aside.c_str());
    rt::fail(rt::Exit::Io, "cannot write ", path);
  }
}

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
  command->add_option("--type", training.type, "unigram, bpe, or char")
      ->transform(CLI::CheckedTransformer(types))
      ->type_name("TYPE");
  command->add_option("--validation", training.validation, "the last part of the text, left out")
      ->check(CLI::Range(0.0, 0.99));
  command->add_option("--coverage", training.characterCoverage, "share of characters that get a piece")
      ->check(CLI::Range(0.9, 1.0));
  command->add_option("--symbols", training.symbols, "more pieces, such as <mask>")->delimiter(',');
  command->add_option("--threads", training.threads, "threads to train with")->check(CLI::Range(1, 1024));
  command->callback([=, &action] {
    action = [=] {
      try {
        writeModel(options->output, rt::trainTokenizer(options->files, options->training));
        return kOk;
      } catch (const rt::Failure &failure) {
        llvm::errs() << "error: " << failure.what() << '\n';
        return static_cast<int>(failure.code);
      }
    };
  });
}
