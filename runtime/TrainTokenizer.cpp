// See TrainTokenizer.h.
#include "runtime/TrainTokenizer.h"

#include "runtime/Corpus.h"
#include "runtime/Failure.h"
#include "runtime/Utf8.h"

#include <algorithm>
#include <cstdio>
#include <sentencepiece_trainer.h>
#include <set>
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
      {"byte_fallback", isChar ? "false" : "true"},
      {"normalization_rule_name", "identity"},
      {"add_dummy_prefix", "false"},
      {"remove_extra_whitespaces", "false"},
      {"bos_id", "-1"},
      {"eos_id", "-1"},
      {"user_defined_symbols", whitespacePieces(isChar, spans)},
      {"max_sentence_length", "1000000"},
      {"num_threads", std::to_string(options.threads)},
      {"minloglevel", "3"}, // what it has to say comes back as a status
  };
  if (!control.empty())
    arguments["control_symbols"] = control;
  return arguments;
}

/// sentencepiece passes over lines with a NUL, and ends the process if it has then not one character to learn.
static void checkText(const std::vector<TextSpan> &spans) {
  bool hasNul = false;
  for (Lines lines(spans); !lines.done(); lines.Next()) {
    bool nul = lines.value().find('\0') != std::string::npos;
    if (!nul && lines.value().find_first_not_of("\t\r") != std::string::npos)
      return;
    hasNul |= nul;
  }
  fail(Exit::BadData, "there is no text to train a tokenizer from",
       hasNul ? ": every line has a NUL byte; is it a binary file?" : "");
}

static void checkSymbols(const std::vector<std::string> &symbols) {
  static const std::set<std::string> taken = {"<unk>", "\n", "\r", "\r\n", "\t"};
  std::set<std::string> seen;
  for (const std::string &symbol : symbols) {
    bool isByte = symbol.size() == 6 && symbol.starts_with("<0x") && symbol.back() == '>';
    if (isByte || taken.contains(symbol))
      fail(Exit::Usage, "--symbols: every tokenizer has the piece `", symbol, "` already");
    if (!seen.insert(symbol).second)
      fail(Exit::Usage, "--symbols: `", symbol, "` is there twice");
    constexpr size_t most = 512;
    if (symbol.empty() || symbol.size() > most || findInvalidUtf8(symbol) || symbol.find('\0') != symbol.npos)
      fail(Exit::Usage, "--symbols: a symbol is 1 to ", most, " bytes of UTF-8");
  }
}

/// What sentencepiece's refusal means here.
[[noreturn]] static void refuse(const std::string &status, int64_t vocabulary) {
  // "... is smaller than required_chars. 120 vs 284. ..."
  long wanted = 0, needed = 0;
  constexpr std::string_view small = "required_chars. ";
  if (size_t at = status.find(small);
      at != status.npos && std::sscanf(status.c_str() + at + small.size(), "%ld vs %ld", &wanted, &needed) == 2)
    fail(Exit::BadData, vocabulary,
         " pieces are too few for this text: the characters in it, and 256 bytes for others, "
         "take ",
         needed, "; give --pieces ", needed, " or more, or a lower --coverage");
  size_t words = status.rfind("] ");
  fail(Exit::BadData, "sentencepiece cannot learn ", vocabulary, " pieces from this text",
       words != status.npos && words + 2 < status.size() ? ": " + status.substr(words + 2) : "");
}

std::string trainTokenizer(const std::vector<std::string> &patterns, const TokenizerOptions &options) {
  Corpus corpus(patterns);
  std::vector<TextSpan> training = corpus.split(options.validation).training;
  checkText(training);
  checkSymbols(options.symbols);
  Lines lines(training);
  if (lines.done())
    fail(Exit::BadData, "there is no text to train a tokenizer from");
  std::string model;
  auto status = sentencepiece::SentencePieceTrainer::Train(trainerArguments(options, training), &lines, &model);
  if (!status.ok())
    refuse(status.ToString(), options.vocabulary);
  return model;
}

} // namespace kinu::rt
