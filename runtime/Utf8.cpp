// See Utf8.h.
#include "runtime/Utf8.h"

namespace kinu::rt {

namespace {
/// Length in bytes that a first byte announces (0: it cannot be first), and the range of the second byte.
struct Lead {
  int length;
  uint8_t low, high;
};
} // namespace

/// Unicode 15.0, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
static Lead leadOf(uint8_t byte) {
  if (byte < 0x80)
    return {1, 0, 0};
  if (byte < 0xC2 || byte > 0xF4)
    return {0, 0, 0};
  if (byte < 0xE0)
    return {2, 0x80, 0xBF};
  if (byte < 0xF0)
    return {3, uint8_t(byte == 0xE0 ? 0xA0 : 0x80), uint8_t(byte == 0xED ? 0x9F : 0xBF)};
  return {4, uint8_t(byte == 0xF0 ? 0x90 : 0x80), uint8_t(byte == 0xF4 ? 0x8F : 0xBF)};
}

/// Bytes of the character at `at`: its length if it is whole, 0 if it is malformed, -1 if the text ends within it.
static int characterLength(std::string_view text, size_t at) {
  Lead lead = leadOf(uint8_t(text[at]));
  for (int i = 1; i < lead.length; ++i) {
    if (at + size_t(i) >= text.size())
      return -1;
    uint8_t byte = uint8_t(text[at + size_t(i)]);
    if (byte < (i == 1 ? lead.low : 0x80) || byte > (i == 1 ? lead.high : 0xBF))
      return 0;
  }
  return lead.length;
}

std::optional<size_t> findInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    int length = characterLength(text, at);
    if (length <= 0)
      return at;
    at += size_t(length);
  }
  return std::nullopt;
}

static bool isContinuation(char byte) { return (uint8_t(byte) & 0xC0) == 0x80; }

int64_t countCharacters(std::string_view text) {
  int64_t count = 0;
  for (char byte : text)
    count += !isContinuation(byte);
  return count;
}

size_t characterOffset(std::string_view text, int64_t index) {
  for (size_t at = 0; at < text.size(); ++at)
    if (!isContinuation(text[at]) && index-- == 0)
      return at;
  return text.size();
}

static constexpr const char *replacement = "\xEF\xBF\xBD"; // U+FFFD

std::string Utf8Stream::push(std::string_view bytes) {
  held += bytes;
  std::string out;
  size_t at = 0;
  while (at < held.size()) {
    int length = characterLength(held, at);
    if (length < 0)
      break;
    if (length == 0)
      out += replacement;
    else
      out.append(held, at, size_t(length));
    at += size_t(length == 0 ? 1 : length);
  }
  held.erase(0, at);
  return out;
}

std::string Utf8Stream::finish() {
  bool incomplete = !held.empty();
  held.clear();
  return incomplete ? replacement : "";
}

} // namespace kinu::rt
