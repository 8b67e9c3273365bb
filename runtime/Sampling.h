// Choosing the next piece from logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kinu::rt {

struct SamplingOptions {
  double temperature = 1; ///< 0: the likeliest
  int64_t topK = 0;       ///< only the so many likeliest; 0: all
  double topP = 1;        ///< only the likeliest whose probabilities reach this sum; at least one
  uint64_t seed = 1;
};

/// Draws the piece at place `position` of a text (each place has a random number of its own). `logits` that are -inf
/// or not a number are never drawn. Returns -1 if nothing can be drawn.
int64_t samplePiece(std::span<const float> logits, const SamplingOptions &options, int64_t position);

} // namespace kinu::rt
