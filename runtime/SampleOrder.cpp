// See SampleOrder.h.
#include "runtime/SampleOrder.h"

#include "runtime/Philox.h"

#include <algorithm>

namespace kinu::rt {

int64_t shuffledIndex(uint64_t seed, uint64_t epoch, int64_t index, int64_t count) {
  int halfBits = 1;
  while (halfBits < 31 && (int64_t(1) << (2 * halfBits)) < count)
    ++halfBits;
  uint32_t mask = (1u << halfBits) - 1;
  PhiloxKey key = streamKey(seed, fnv1a("data.order"));
  uint64_t value = uint64_t(index);
  do {
    uint32_t left = uint32_t(value >> halfBits), right = uint32_t(value) & mask;
    for (uint32_t round = 0; round < 6; ++round) {
      uint32_t mixed = philox({right, round, uint32_t(epoch), uint32_t(epoch >> 32)}, key)[0];
      uint32_t next = (left ^ mixed) & mask;
      left = right;
      right = next;
    }
    value = uint64_t(left) << halfBits | right;
  } while (value >= uint64_t(count));
  return int64_t(value);
}

WindowOrder::WindowOrder(uint64_t seed, int64_t tokens, int64_t stride, int64_t span) : seed(seed), stride(stride) {
  // Every epoch has the same number of windows whatever its offset, so that the epoch of a sample is a division.
  int64_t room = tokens - span;
  count = std::max<int64_t>(0, room - (stride - 1)) / stride + 1;
  offsets = std::min(stride, room - (count - 1) * stride + 1);
}

int64_t WindowOrder::start(int64_t sample) const {
  uint64_t epoch = uint64_t(sample / count);
  uint64_t offset = streamWords(streamKey(seed, fnv1a("data.offset")), epoch, 0, 0)[0] % uint64_t(offsets);
  return int64_t(offset) + shuffledIndex(seed, epoch, sample % count, count) * stride;
}

} // namespace kinu::rt
