// How numbers and notes are written for people.
#pragma once

#include <cstdint>
#include <string>

namespace kinu::rt {

std::string formatBytes(int64_t bytes);     ///< "12.3 MB" (powers of 1000)
std::string formatCount(int64_t count);     ///< "124,439,808"
std::string formatDuration(double seconds); ///< "1h05m", "3m20s", "42s"
std::string formatFixed(double value, int digits);

/// Writes `note: MESSAGE` to standard error: something the user should know that does not stop the run.
void note(const std::string &message);

} // namespace kinu::rt
