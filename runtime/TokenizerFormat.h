// Checks a sentencepiece model's bytes before the library sees them.
//
// sentencepiece 0.1.97 crashes on hostile model files (very long pieces, character maps that point outside
// themselves) and accepts scores that are not numbers. What passes here loads or is refused by the library with a
// message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kinu::rt {

/// Why `model` is not a sentencepiece model that is safe to load; nothing if it is. Checked: the protobuf wire format,
/// the number, length, encoding, type and score of pieces, and that the character maps (darts-clone double arrays)
/// stay inside themselves.
std::optional<std::string> findTokenizerDefect(std::string_view model);

} // namespace kinu::rt
