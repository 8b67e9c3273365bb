// Products of AMX tiles; compiled with -march=native.
#include "test/bench/TileRate.h"

#ifdef __AMX_BF16__
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Linux gives a process the tiles when it asks for them (arch/x86/include/uapi/asm/prctl.h).
static bool mayUseTiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  static const bool may = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return may;
}

double kinu::bench::tileRate(int64_t rounds, Clock clock) {
  if (!mayUseTiles())
    return 0;
  // Palette 1: all eight tiles have 16 rows of 64 bytes.
  struct alignas(64) {
    unsigned char palette = 1, startRow = 0, reserved[14] = {};
    unsigned short rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    unsigned char rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } configuration;
  _tile_loadconfig(&configuration);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  double start = secondsNow(clock);
  for (int64_t round = 0; round < rounds; ++round) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  double rate = double(rounds) * 4 * 2 * 16 * 16 * 32 / (secondsNow(clock) - start);
  _tile_release();
  return rate;
}
#else
double kinu::bench::tileRate(int64_t, Clock) { return 0; }
#endif
