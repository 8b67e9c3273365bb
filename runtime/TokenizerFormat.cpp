// See TokenizerFormat.h. Field numbers are those of sentencepiece_model.proto (0.1.97).
#include "runtime/TokenizerFormat.h"

#include "runtime/Utf8.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <unordered_set>

namespace kinu::rt {

namespace {
constexpr size_t maxModelBytes = size_t(256) << 20, maxPieces = size_t(1) << 22, maxPieceBytes = 1024;
constexpr size_t maxSpecBytes = size_t(1) << 20; // a trainer spec lists its settings and its symbols

struct Field {
  uint64_t number = 0;
  int wire = 0;           ///< 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes
  uint64_t value = 0;     ///< wire types 0, 1, 5
  std::string_view bytes; ///< wire type 2
};

using Defect = std::optional<std::string>;
} // namespace

static bool readVarint(std::string_view &in, uint64_t &value) {
  value = 0;
  for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
    uint8_t byte = uint8_t(in.front());
    in.remove_prefix(1);
    value |= uint64_t(byte & 0x7F) << shift;
    if (byte < 0x80)
      return true;
  }
  return false;
}

static bool readField(std::string_view &in, Field &field) {
  uint64_t tag;
  if (!readVarint(in, tag) || tag >> 3 == 0 || tag >> 32)
    return false;
  field = {tag >> 3, int(tag & 7), 0, {}};
  if (field.wire == 0)
    return readVarint(in, field.value);
  uint64_t length = field.wire == 1 ? 8 : field.wire == 5 ? 4 : 0;
  if (field.wire == 2 && !readVarint(in, length))
    return false;
  if ((field.wire != 1 && field.wire != 2 && field.wire != 5) || length > in.size())
    return false;
  field.bytes = in.substr(0, length);
  if (field.wire != 2)
    std::memcpy(&field.value, field.bytes.data(), length);
  in.remove_prefix(length);
  return true;
}

/// Visits the fields of a message; the first defect ends it.
static Defect eachField(std::string_view message, const char *what, const std::function<Defect(const Field &)> &visit) {
  Field field;
  while (!message.empty()) {
    if (!readField(message, field))
      return std::string("its ") + what + " is cut off or malformed";
    if (Defect defect = visit(field))
      return defect;
  }
  return std::nullopt;
}

static bool isBytePiece(std::string_view piece) {
  auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return piece.size() == 6 && piece.starts_with("<0x") && digit(piece[3]) && digit(piece[4]) && piece[5] == '>';
}

static Defect checkPiece(std::string_view message, size_t index, std::unordered_set<std::string_view> &seen) {
  std::string_view piece;
  float score = 0;
  uint64_t type = 1;
  std::string name = "piece " + std::to_string(index);
  Defect defect = eachField(message, "list of pieces", [&](const Field &field) -> Defect {
    bool fits = field.number == 1   ? field.wire == 2
                : field.number == 2 ? field.wire == 5
                                    : field.number != 3 || field.wire == 0;
    if (!fits)
      return name + " has a field of the wrong type";
    if (field.number == 1)
      piece = field.bytes;
    if (field.number == 2)
      std::memcpy(&score, &field.value, sizeof score);
    if (field.number == 3)
      type = field.value;
    return std::nullopt;
  });
  if (defect)
    return defect;
  if (piece.empty() || piece.size() > maxPieceBytes)
    return name + " is " + std::to_string(piece.size()) + " bytes long; 1 to " + std::to_string(maxPieceBytes) + " are";
  if (findInvalidUtf8(piece) || piece.find('\0') != piece.npos)
    return name + " is not valid UTF-8";
  if (!std::isfinite(score) || std::abs(score) > 1e8f)
    return name + " has a score that is no usable number";
  if (type < 1 || type > 6)
    return name + " has the unknown type " + std::to_string(type);
  if (type == 6 && !isBytePiece(piece))
    return name + " is a byte piece without the form <0xNN>";
  if (!seen.insert(piece).second)
    return name + " is there twice";
  return std::nullopt;
}

/// darts-clone's double array: unit i has label = unit & 0x800000FF, has_leaf = bit 8 and offset as below; the child
/// by byte c is unit i ^ offset ^ c. Leaves hold an index into the zero-separated strings after the array.
static Defect checkCharacterMap(std::string_view map) {
  if (map.empty())
    return std::nullopt;
  uint32_t arrayBytes = 0;
  if (map.size() > 4)
    std::memcpy(&arrayBytes, map.data(), 4);
  if (map.size() <= 4 || arrayBytes >= map.size() - 4 || arrayBytes % 1024 || arrayBytes == 0)
    return "its character map has the wrong length";
  std::string_view strings = map.substr(4 + arrayBytes);
  if (strings.back() != '\0' || findInvalidUtf8(strings))
    return "its character map holds invalid text";
  size_t units = arrayBytes / 4;
  auto unitAt = [&](size_t i) {
    uint32_t unit;
    std::memcpy(&unit, map.data() + 4 + 4 * i, 4);
    return unit;
  };
  for (size_t i = 0; i < units; ++i) {
    uint32_t unit = unitAt(i);
    if (unit >> 31) // a leaf: reached only through its parent, checked there
      continue;
    size_t base = i ^ ((unit >> 10) << ((unit & (1u << 9)) >> 6));
    if (base >= units) // the array is whole blocks of 256, so base ^ c lies in it as well
      return "its character map points outside itself";
    if (unit & (1u << 8)) {
      size_t value = unitAt(base) & 0x7FFFFFFFu;
      if (value >= strings.size() || (uint8_t(strings[value]) & 0xC0) == 0x80)
        return "its character map points outside its text";
    }
  }
  return std::nullopt;
}

static Defect checkNormalizer(std::string_view message) {
  return eachField(message, "normalizer", [](const Field &field) -> Defect {
    return field.number == 2 && field.wire == 2 ? checkCharacterMap(field.bytes) : std::nullopt;
  });
}

static Defect checkTrainerSpec(std::string_view message) {
  if (message.size() > maxSpecBytes)
    return "its trainer spec is " + std::to_string(message.size()) + " bytes long";
  return eachField(message, "trainer spec", [](const Field &field) -> Defect {
    if (field.number == 3 && (field.wire != 0 || field.value < 1 || field.value > 4))
      return "it has an unknown model type";
    if (field.wire == 2 && field.number >= 45 && field.number <= 48 && field.bytes.size() > maxPieceBytes)
      return "the name of a special piece is too long";
    return std::nullopt;
  });
}

std::optional<std::string> findTokenizerDefect(std::string_view model) {
  if (model.empty())
    return "it is empty";
  if (model.size() > maxModelBytes)
    return "it is larger than any sentencepiece model";
  size_t pieces = 0;
  bool hasTrainerSpec = false, hasNormalizer = false;
  std::unordered_set<std::string_view> seen;
  Defect defect = eachField(model, "list of fields", [&](const Field &field) -> Defect {
    if (field.number <= 5 && field.wire != 2)
      return "its fields are not those of a sentencepiece model";
    switch (field.number) {
    case 1: return pieces == maxPieces ? Defect("it has too many pieces") : checkPiece(field.bytes, pieces++, seen);
    case 2: hasTrainerSpec = true; return checkTrainerSpec(field.bytes);
    case 3:
    case 5: hasNormalizer |= field.number == 3; return checkNormalizer(field.bytes);
    default: return std::nullopt;
    }
  });
  if (defect)
    return defect;
  if (pieces == 0)
    return "it has no pieces";
  // sentencepiece writes both, behind the pieces: without them the file was cut off between two fields.
  if (!hasTrainerSpec || !hasNormalizer)
    return "it is cut off";
  return std::nullopt;
}

} // namespace kinu::rt
