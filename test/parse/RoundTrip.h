// What must hold of the front end for any bytes; shared by the tests and the fuzzer.
#pragma once

#include <string>

namespace kinu {

/// Parses `text`, renders its diagnostics both ways and, if there are no errors, formats it. Says what does not hold:
/// tokens that do not cover the text, a tree that changes by formatting, formatting that is not idempotent. Empty: all
/// is well.
std::string roundTrip(const std::string &text);

} // namespace kinu
