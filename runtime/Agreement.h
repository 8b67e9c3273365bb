// Ranks that compute one thing must have been given one thing: spec, layout, text, versions.
#pragma once

#include "runtime/Mesh.h"

#include <string>
#include <vector>

namespace kinu::rt {

/// What a rank goes by: `{"spec", "0f3a..."}`. The names are for people.
struct Fact {
  std::string name, value;
};

/// To be called by all ranks at once, with the same names. Where a rank's facts differ from the first rank's, all ranks
/// throw Failure (Exit::Mismatch); that of the first rank that differs says what the difference is.
void agreeOn(const std::vector<Fact> &facts, const Mesh &mesh);

} // namespace kinu::rt
