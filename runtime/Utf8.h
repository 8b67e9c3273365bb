// UTF-8: checking text, counting characters, and putting out only whole characters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kinu::rt {

/// Byte offset of the first byte that is not part of a well-formed character (Unicode 15, table 3-7), if any.
std::optional<size_t> findInvalidUtf8(std::string_view text);
/// Characters (code points) of well-formed text.
int64_t countCharacters(std::string_view text);
/// Byte offset of character `index` of well-formed text; text.size() if it has no more.
size_t characterOffset(std::string_view text, int64_t index);

/// Turns bytes that arrive in pieces into well-formed text: an incomplete character at the end is held back until its
/// remaining bytes come; bytes that cannot become a character are replaced by U+FFFD.
class Utf8Stream {
public:
  /// What can be put out now that `bytes` have come.
  std::string push(std::string_view bytes);
  /// What is left at the end: U+FFFD for an incomplete character.
  std::string finish();

private:
  std::string held;
};

} // namespace kinu::rt
