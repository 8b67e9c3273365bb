// Writes the quickstart's corpus, tells its entropy, and measures bigrams on it:
//   quickstart-grammar write corpus.txt --lines 60000 --seed 1
//   quickstart-grammar entropy
//   quickstart-grammar bigram corpus.txt --tokenizer corpus.model
#include "examples/quickstart/Bigram.h"
#include "examples/quickstart/Languages.h"

#include "CLI/CLI.hpp"

#include <cstdio>
#include <fstream>
#include <map>
#include <sentencepiece_processor.h>
#include <sstream>

using namespace quickstart;

/// Throws with the file's name where something cannot be read or written.
static void check(bool good, const std::string &what) {
  if (!good)
    throw std::runtime_error(what);
}

static void printEntropy() {
  Grammar grammar;
  Phrase root = line(grammar);
  if (auto reason = grammar.ambiguity(root))
    throw std::runtime_error("the grammar is ambiguous: " + *reason);
  std::printf("%.6f nats per character: %.4f nats and %.3f characters a line, %.3g different lines\n",
              grammar.entropy(root) / grammar.characters(root), grammar.entropy(root), grammar.characters(root),
              grammar.derivations(root));
}

static void writeCorpus(const std::string &path, int64_t lines, uint64_t seed) {
  Grammar grammar;
  Phrase root = line(grammar);
  std::mt19937_64 random(seed);
  std::string text;
  for (int64_t i = 0; i < lines; ++i)
    grammar.sample(root, random, text);
  std::ofstream out(path, std::ios::binary);
  check(bool(out << text << std::flush), "cannot write " + path);
}

/// Characters numbered in the order they come.
static std::vector<int32_t> charactersOf(const std::string &text, std::map<std::string, int32_t> &known) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      ++end;
    ids.push_back(known.emplace(text.substr(i, end - i), int32_t(known.size())).first->second);
    i = end;
  }
  return ids;
}

static std::vector<int32_t> piecesOf(const std::string &text, const sentencepiece::SentencePieceProcessor &tokenizer) {
  std::vector<int> ids;
  auto status = tokenizer.Encode(text, &ids);
  check(status.ok(), status.ToString());
  return {ids.begin(), ids.end()};
}

/// Prints what bigrams reach on the last tenth of the lines, in nats per character, trained on the rest.
static void measureBigrams(const std::string &path, const std::string &model) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream buffer;
  buffer << in.rdbuf();
  std::string text = buffer.str();
  check(bool(in) && text.size() > 1000, "cannot read " + path + ", or it is too short");
  size_t cut = text.find('\n', text.size() / 10 * 9) + 1;
  std::string training = text.substr(0, cut), test = text.substr(cut);

  std::map<std::string, int32_t> characters;
  std::vector<int32_t> first = charactersOf(training, characters), second = charactersOf(test, characters);
  std::printf("bigrams of characters: %.6f nats per character\n",
              bigramCrossEntropy(first, second, int32_t(characters.size())));
  if (model.empty())
    return;
  sentencepiece::SentencePieceProcessor tokenizer;
  auto status = tokenizer.Load(model);
  check(status.ok(), status.ToString());
  std::vector<int32_t> pieces = piecesOf(test, tokenizer);
  double perPiece = bigramCrossEntropy(piecesOf(training, tokenizer), pieces, tokenizer.GetPieceSize());
  std::printf("bigrams of pieces: %.6f nats per character\n",
              perPiece * double(pieces.size() - 1) / double(second.size() - 1));
}

int main(int argc, char **argv) {
  CLI::App app("The grammar behind the quickstart's corpus: its texts, its exact entropy, and what bigrams make of it");
  app.require_subcommand(1);
  std::string corpus, tokenizer;
  int64_t lines = 60000;
  uint64_t seed = 1;
  CLI::App *write = app.add_subcommand("write", "write random lines to a file");
  write->add_option("corpus", corpus, "the file")->required();
  write->add_option("--lines", lines, "how many")->capture_default_str();
  write->add_option("--seed", seed, "of the random numbers")->capture_default_str();
  write->callback([&] { writeCorpus(corpus, lines, seed); });
  app.add_subcommand("entropy", "print the exact entropy per character")->callback(printEntropy);
  CLI::App *bigram = app.add_subcommand("bigram", "measure bigrams on the last tenth of a file");
  bigram->add_option("corpus", corpus, "the file")->required();
  bigram->add_option("--tokenizer", tokenizer, "a sentencepiece model, to measure bigrams of pieces too");
  bigram->callback([&] { measureBigrams(corpus, tokenizer); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "quickstart-grammar: error: %s\n", error.what());
    return 106;
  }
}
