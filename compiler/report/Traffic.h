// Where the operands and results of launches are when a launch wants them: in a cache, from launches before, or in
// memory.
#pragma once

#include <cstdint>
#include <map>

namespace kinu::report {

/// Bytes by what delivers them, or takes them.
struct TrafficBytes {
  double l2 = 0, l3 = 0, memory = 0;

  TrafficBytes &operator+=(const TrafficBytes &other) {
    l2 += other.l2;
    l3 += other.l3;
    memory += other.memory;
    return *this;
  }
};

/// A buffer is in a cache if no more bytes than that holds were touched since it was touched last. So what a kernel
/// does inside, and who shares a cache with whom, does not count.
class Traffic {
public:
  /// Sizes in bytes of the caches that one rank has; 0 for none.
  Traffic(int64_t l2Bytes, int64_t l3Bytes) : l2Bytes(l2Bytes), l3Bytes(l3Bytes) {}

  /// A launch touches `bytes` bytes from `offset` on.
  TrafficBytes touch(int64_t offset, int64_t bytes);

private:
  /// Memory that was touched last from its first byte to its last.
  struct Piece {
    int64_t end;
    double when; ///< bytes that were touched before, as if the touch had begun at offset 0
  };

  void cutAt(int64_t offset);

  int64_t l2Bytes, l3Bytes;
  double touched = 0;              ///< bytes so far
  std::map<int64_t, Piece> pieces; ///< by where they begin
};

} // namespace kinu::report
