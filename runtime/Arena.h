// The one block of memory a run uses: every weight, moment, gradient and activation lies in it at a fixed offset.
#pragma once

#include <cstdint>
#include <string>

namespace kinu::rt {

/// Zeroed memory, aligned to 2 MiB with huge pages advised. Allocated once, freed at the end.
class Arena {
public:
  /// Throws Failure (Exit::Io) naming the size, and `help`, if the memory cannot be had.
  explicit Arena(int64_t bytes, const std::string &help = "");
  ~Arena();
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;

  char *data() const { return aligned; }

private:
  void *mapping;
  int64_t mappedBytes;
  char *aligned;
};

} // namespace kinu::rt
