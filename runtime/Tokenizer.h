// A sentencepiece model: text to piece ids and back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace kinu::rt {

class Tokenizer {
public:
  /// Loads a model file after checking its format. Throws Failure (Exit::BadData).
  explicit Tokenizer(const std::string &path);
  ~Tokenizer();
  Tokenizer(Tokenizer &&) noexcept;

  int64_t size() const; ///< number of pieces
  const std::string &path() const { return file; }
  const std::string &hash() const { return bytesHash; } ///< xxh3-128 of the model file

  /// Appends the ids of `text`. Safe to call from several threads.
  void encode(std::string_view text, std::vector<int32_t> &ids) const;
  /// The bytes that piece `id` stands for: spaces restored, a byte piece as its byte, control pieces as nothing. They
  /// need not be whole characters.
  std::string pieceBytes(int64_t id) const;
  /// Whether `id` may be generated: not an unknown, control or unused piece.
  bool isText(int64_t id) const;
  /// The id of `piece`. Throws Failure (Exit::BadData) if the model has none.
  int64_t id(const std::string &piece) const;
  /// The piece that pads lines: the model's own padding piece, else `<pad>`, else 0.
  int64_t pad() const;

private:
  std::string file, bytesHash;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor;
};

} // namespace kinu::rt
