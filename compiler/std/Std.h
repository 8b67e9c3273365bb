// The text of the standard library, std.kinu, as it was when the compiler was built.
#pragma once

#include <string_view>

namespace kinu {
std::string_view stdSource();
} // namespace kinu
