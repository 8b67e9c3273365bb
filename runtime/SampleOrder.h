// In which order samples are seen: a pure function of (seed, epoch, index), so that a run can stop and go on anywhere
// and neither micro-batches nor ranks change what is seen.
#pragma once

#include <cstdint>

namespace kinu::rt {

/// Where `index` in [0, count) goes in the shuffle of `epoch`: a bijection of [0, count). A six-round Feistel network
/// over the next power of four, walked until it falls inside (Black and Rogaway, "Ciphers with arbitrary finite
/// domains", CT-RSA 2002), with Philox as its round function.
int64_t shuffledIndex(uint64_t seed, uint64_t epoch, int64_t index, int64_t count);

/// Non-overlapping windows of a token sequence, shifted as a whole by a random offset in each epoch.
class WindowOrder {
public:
  /// Windows start `stride` apart, each reads `span` >= `stride` tokens of `tokens`. There must be room for one.
  WindowOrder(uint64_t seed, int64_t tokens, int64_t stride, int64_t span);
  int64_t windowsPerEpoch() const { return count; }
  /// First token of the `sample`-th window (from 0) of the whole run.
  int64_t start(int64_t sample) const;

private:
  uint64_t seed;
  int64_t stride, count;
  int64_t offsets; ///< how many offsets there are to choose from
};

} // namespace kinu::rt
