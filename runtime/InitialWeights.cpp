// See InitialWeights.h: draws initial weights, element by element, from Philox.
#include "runtime/InitialWeights.h"

#include "runtime/Philox.h"

#include <cmath>
#include <numbers>

namespace kinu::rt {

/// A standard normal by Box-Muller (Box and Muller, 1958).
static double standardNormal(uint32_t word0, uint32_t word1) {
  double u1 = (word0 + 0.5) * 0x1p-32, u2 = (word1 + 0.5) * 0x1p-32;
  return std::sqrt(-2.0 * std::log(u1)) * std::cos(2.0 * std::numbers::pi * u2);
}

static constexpr uint32_t initialRound = 0xFFFFFFFFu; // no repeat has this round: apart from every `random(x)`

static double truncatedNormal(PhiloxKey key, uint64_t element) {
  for (uint32_t attempt = 0;; ++attempt) {
    PhiloxWords words = streamWords(key, element, attempt / 2, initialRound);
    double z = standardNormal(words[2 * (attempt % 2)], words[2 * (attempt % 2) + 1]);
    if (std::abs(z) <= 2.0)
      return z;
  }
}

float initialValue(const Initializer &init, uint64_t seed, uint64_t path, uint64_t element) {
  PhiloxKey key = streamKey(seed, path);
  switch (init.kind) {
  case InitKind::Zeros: return 0.0f;
  case InitKind::Ones: return 1.0f;
  case InitKind::TruncatedNormal: return float(init.a + init.b * truncatedNormal(key, element));
  case InitKind::Normal: {
    PhiloxWords words = streamWords(key, element, 0, initialRound);
    return float(init.a + init.b * standardNormal(words[0], words[1]));
  }
  case InitKind::Uniform: {
    double u = unitFloat(streamWords(key, element, 0, initialRound)[0]);
    float value = float(init.a + (init.b - init.a) * u);
    return value < float(init.b) ? value : std::nextafterf(float(init.b), float(init.a)); // rounding must not reach b
  }
  }
  return 0.0f;
}

void fillInitial(const Initializer &init, uint64_t seed, const std::string &path, float *values, int64_t count,
                 int64_t first) {
  uint64_t site = fnv1a(path);
#pragma omp parallel for schedule(static) if (count > 1024)
  for (int64_t i = 0; i < count; ++i)
    values[i] = initialValue(init, seed, site, uint64_t(first + i));
}

} // namespace kinu::rt
