// How fast a core multiplies bf16 tiles at the moment. Neighbours on the same host take more of the tile unit than of
// the vector units, so the canary of fused multiply-adds does not see them all.
#pragma once

#include "test/bench/FmaRate.h"

namespace kinu::bench {

/// Operations per second of this core on products of AMX tiles from registers; 0 on a machine that has none. 1 << 14
/// rounds of four products take about half a millisecond.
double tileRate(int64_t rounds, Clock clock = Clock::wall);

} // namespace kinu::bench
