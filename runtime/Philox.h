// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC'11), and the naming of streams by FNV-1a.
//
// Shared by the runtime (initial weights, order of samples), the reference interpreter and generated code: all of them
// must give the same number for the same (seed, name, element, step), whoever computes it and in whatever order.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace kinu::rt {

using PhiloxWords = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

/// Ten rounds of Philox4x32 over `counter`.
constexpr PhiloxWords philox(PhiloxWords counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = 0xD2511F53ull * counter[0];
    uint64_t product1 = 0xCD9E8D57ull * counter[2];
    counter = {uint32_t(product1 >> 32) ^ counter[1] ^ key[0], uint32_t(product1),
               uint32_t(product0 >> 32) ^ counter[3] ^ key[1], uint32_t(product0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// 64-bit FNV-1a of `name`: a weight's path or a call path.
constexpr uint64_t fnv1a(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (char c : name)
    hash = (hash ^ uint8_t(c)) * 0x100000001B3ull;
  return hash;
}

/// The key of the stream `site` (an FNV-1a hash) of a run with `seed`.
constexpr PhiloxKey streamKey(uint64_t seed, uint64_t site) {
  uint64_t mixed = seed ^ site;
  return {uint32_t(mixed), uint32_t(mixed >> 32)};
}

/// The words of element `element` of a stream; `third` and `fourth` are the upper words of the counter.
constexpr PhiloxWords streamWords(PhiloxKey key, uint64_t element, uint32_t third, uint32_t fourth) {
  return philox({uint32_t(element), uint32_t(element >> 32), third, fourth}, key);
}

/// A multiple of 2^-24 in [0, 1), exact in fp32.
constexpr float unitFloat(uint32_t word) { return float(word >> 8) * 0x1p-24f; }

/// `random(x)` of the language for one element: in [0, 1). `round` is the mixed index of the enclosing repeats' rounds.
constexpr float randomElement(uint64_t seed, uint64_t site, uint64_t element, uint32_t step, uint32_t round) {
  return unitFloat(streamWords(streamKey(seed, site), element, step, round)[0]);
}

} // namespace kinu::rt
