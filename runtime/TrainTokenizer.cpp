// See TrainTokenizer.h.
#include "runtime/TrainTokenizer.h"

#include "runtime/Corpus.h"
#include "runtime/Failure.h"

#include <algorithm>
#include <sentencepiece_trainer.h>
#include <unordered_map>

namespace kinu::rt {

namespace {
/// Gives the trainer the lines of the training part, without their line ends: those are a piece of their own.
class Lines : public sentencepiece::SentenceIterator {
public:
  explicit Lines(const std::vector<TextSpan> &spans) : spans(spans) { advance(); }
  bool done() const override { return atEnd; }
  void Next() override { advance(); }
  const std::string &value() const override { return line; }
  sentencepiece::util::Status status() const override { return {}; }

private:
  void advance() {
    while (span < spans.size()) {
      std::string_view rest = spans[span].text.substr(offset);
      if (rest.empty()) {
        ++span;
        offset = 0;
        continue;
      }
      size_t end = std::min(rest.find('\n'), rest.size());
      offset += std::min(end + 1, rest.size());
      if (end == 0)
        continue; // the trainer does not take empty lines
      line = rest.substr(0, end);
      if (line.size() > 1 && line.back() == '\r')
        line.pop_back();
      return;
    }
    atEnd = true;
  }

  const std::vector<TextSpan> &spans;
  size_t span = 0, offset = 0;
  std::string line;
  bool atEnd = false;
};
} // namespace

/// One field of sentencepiece's comma-separated lists.
static std::string quoted(const std::string &symbol) {
  std::string out = "\"";
  for (char c : symbol)
    out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

/// Pieces for what the trainer does not take from text: line ends, and tabs, which it uses itself. A char model keeps a
/// carriage return and a line feed apart, as the two characters they are.
static std::string whitespacePieces(bool isChar, const std::vector<TextSpan> &spans) {
  auto has = [&](char c) {
    auto holds = [c](const TextSpan &span) { return span.text.find(c) != span.text.npos; };
    return std::any_of(spans.begin(), spans.end(), holds);
  };
  std::string pieces = quoted("\n");
  if (has('\r'))
    pieces += "," + quoted(isChar ? "\r" : "\r\n");
  return has('\t') ? pieces + "," + quoted("\t") : pieces;
}

static std::unordered_map<std::string, std::string> trainerArguments(const TokenizerOptions &options,
                                                                     const std::vector<TextSpan> &spans) {
  bool isChar = options.type == TokenizerOptions::Type::Char;
  std::string control;
  for (const std::string &symbol : options.symbols)
    control += (control.empty() ? "" : ",") + quoted(symbol);
  std::unordered_map<std::string, std::string> arguments = {
      {"model_type", isChar                                        ? "char"
                     : options.type == TokenizerOptions::Type::Bpe ? "bpe"
                                                                   : "unigram"},
      {"vocab_size", std::to_string(isChar ? int64_t(1) << 20 : options.vocabulary)},
      {"hard_vocab_limit", "false"},
      {"character_coverage", isChar ? "1.0" : text(options.characterCoverage)},
      {"byte_fallback", options.byteFallback && !isChar ? "true" : "false"},
      {"normalization_rule_name", "identity"},
      {"add_dummy_prefix", "false"},
      {"remove_extra_whitespaces", "false"},
      {"bos_id", "-1"},
      {"eos_id", "-1"},
      {"user_defined_symbols", whitespacePieces(isChar, spans)},
      {"max_sentence_length", "1000000"},
      {"num_threads", std::to_string(options.threads)},
      {"minloglevel", "1"},
  };
  if (!control.empty())
    arguments["control_symbols"] = control;
  return arguments;
}

std::string trainTokenizer(const std::vector<std::string> &patterns, const TokenizerOptions &options) {
  Corpus corpus(patterns);
  std::vector<TextSpan> training = corpus.split(options.validation).training;
  Lines lines(training);
  if (lines.done())
    fail(Exit::BadData, "there is no text to train a tokenizer from");
  std::string model;
  auto status = sentencepiece::SentencePieceTrainer::Train(trainerArguments(options, training), &lines, &model);
  if (!status.ok())
    fail(Exit::BadData, "cannot train a tokenizer of ", options.vocabulary, " pieces: ", status.ToString());
  return model;
}

} // namespace kinu::rt
