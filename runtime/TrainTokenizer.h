// Trains a sentencepiece model from text: what `kinu tokenize` calls.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kinu::rt {

struct TokenizerOptions {
  enum class Type { Unigram, Bpe, Char } type = Type::Unigram;
  int64_t vocabulary = 4000;             ///< at most so many pieces; a char model takes every character it meets
  double characterCoverage = 0.9995;     ///< of unigram and bpe; the rest is written as bytes. Char models cover all
  double validation = 0;                 ///< last part of the text that must not be seen, as in `data` of a spec
  std::vector<std::string> symbols = {}; ///< more pieces that never come from text, like <mask> and <pad>
  int threads = 1;
};

/// Trains a model on the training part of `patterns` (globs) and returns its serialized form, ready to be written to a
/// file. Models are lossless: identity normalisation, spaces and line ends kept, each line end a piece of its own; those
/// of unigram and bpe have 256 pieces for bytes, so that they can write any text. Deterministic. Throws Failure:
/// Exit::BadData if the text is missing, malformed or too small for the vocabulary.
std::string trainTokenizer(const std::vector<std::string> &patterns, const TokenizerOptions &options);

} // namespace kinu::rt
