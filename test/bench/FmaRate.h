// How fast a core multiplies and adds at the moment: the canary that tells a slow kernel from a busy machine.
#pragma once

#include <cstdint>

namespace kinu::bench {

/// What time means: that of the wall, or that which this thread has run. The latter leaves out what other processes
/// took of the core, though not what they did to its caches and clock.
enum class Clock { wall, thread };
double secondsNow(Clock clock);

/// Operations per second of this core on fused multiply-adds from registers, over `rounds` of twelve independent chains
/// (enough to hide the latency of two pipes). 1 << 19 rounds take about 20 ms.
double fmaRate(int64_t rounds, Clock clock = Clock::wall);

} // namespace kinu::bench
