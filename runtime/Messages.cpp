// See Messages.h.
#include "runtime/Messages.h"

#include <cmath>
#include <cstdio>

namespace kinu::rt {

std::string formatFixed(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string formatBytes(int64_t bytes) {
  static const char *units[] = {"bytes", "kB", "MB", "GB", "TB"};
  double value = double(bytes);
  int unit = 0;
  for (; value >= 1000 && unit < 4; ++unit)
    value /= 1000;
  return formatFixed(value, unit ? 1 : 0) + " " + units[unit];
}

std::string formatCount(int64_t count) {
  std::string digits = std::to_string(count);
  for (int64_t place = int64_t(digits.size()) - 3; place > (count < 0 ? 1 : 0); place -= 3)
    digits.insert(size_t(place), ",");
  return digits;
}

std::string formatDuration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e9)
    return "?";
  int64_t total = std::llround(seconds);
  char buffer[64];
  if (total >= 3600)
    std::snprintf(buffer, sizeof buffer, "%ldh%02ldm", long(total / 3600), long(total / 60 % 60));
  else if (total >= 60)
    std::snprintf(buffer, sizeof buffer, "%ldm%02lds", long(total / 60), long(total % 60));
  else
    std::snprintf(buffer, sizeof buffer, "%lds", long(total));
  return buffer;
}

void note(const std::string &message) { std::fprintf(stderr, "note: %s\n", message.c_str()); }

} // namespace kinu::rt
