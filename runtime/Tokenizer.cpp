// See Tokenizer.h.
#include "runtime/Tokenizer.h"

#include "runtime/Failure.h"
#include "runtime/File.h"
#include "runtime/TokenizerFormat.h"

#include <sentencepiece_processor.h>

namespace kinu::rt {

Tokenizer::Tokenizer(const std::string &path) : file(path) {
  MappedFile model(path, Exit::BadData);
  if (auto defect = findTokenizerDefect(model.bytes()))
    fail(Exit::BadData, "tokenizer `", path, "` is not a sentencepiece model: ", *defect);
  bytesHash = hashBytes(model.bytes());
  processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  auto status = processor->LoadFromSerializedProto(model.bytes());
  if (!status.ok())
    fail(Exit::BadData, "tokenizer `", path, "` is not a sentencepiece model: ", status.ToString());
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;

int64_t Tokenizer::size() const { return processor->GetPieceSize(); }

void Tokenizer::encode(std::string_view text, std::vector<int32_t> &ids) const {
  std::vector<int> pieces;
  auto status = processor->Encode(text, &pieces);
  if (!status.ok())
    fail(Exit::BadData, "tokenizer `", file, "` cannot encode the text: ", status.ToString());
  ids.insert(ids.end(), pieces.begin(), pieces.end());
}

std::string Tokenizer::pieceBytes(int64_t id) const {
  if (processor->IsControl(int(id)))
    return "";
  if (processor->IsUnknown(int(id)))
    return "\xEF\xBF\xBD"; // U+FFFD
  std::string piece = processor->IdToPiece(int(id));
  if (processor->IsByte(int(id)))
    return std::string(1, char(std::stoi(piece.substr(3, 2), nullptr, 16)));
  static constexpr std::string_view space = "\xE2\x96\x81"; // U+2581, how sentencepiece writes a space
  for (size_t at = 0; (at = piece.find(space, at)) != std::string::npos; ++at)
    piece.replace(at, space.size(), " ");
  return piece;
}

bool Tokenizer::isText(int64_t id) const {
  return !processor->IsControl(int(id)) && !processor->IsUnknown(int(id)) && !processor->IsUnused(int(id));
}

int64_t Tokenizer::id(const std::string &piece) const {
  int id = processor->PieceToId(piece);
  if (id < 0 || processor->IdToPiece(id) != piece)
    fail(Exit::BadData, "tokenizer `", file, "` has no piece `", piece, "`; train it with `kinu tokenize --symbols '",
         piece, "'`");
  return id;
}

int64_t Tokenizer::pad() const {
  if (processor->pad_id() >= 0)
    return processor->pad_id();
  int id = processor->PieceToId("<pad>");
  return id >= 0 && processor->IdToPiece(id) == "<pad>" ? id : 0;
}

} // namespace kinu::rt
