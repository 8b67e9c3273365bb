// Runs functions.mlir on every bf16, every fp16, 1024 floats of each exponent and both signs, and 65536 floats between -8
// and 8; prints the largest error of each function in units in the last place, and fails where that is above what Math.h
// states for A64FX.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kHalves = 1 << 16, kOthers = 1 << 18, kCount = 3 * kHalves + kOthers, kFunctions = 8 };
extern const int64_t kinu_tasks, kinu_scratch_bytes;
void functions(void *const *buffers, void *scratch, int64_t begin, int64_t end);

static float x[kCount] __attribute__((aligned(256))), y[kFunctions][kCount] __attribute__((aligned(256)));

static float fromBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static void fill(void) {
  float *next = x;
  for (uint32_t i = 0; i < kHalves; ++i) {
    uint16_t bits = (uint16_t)i;
    __fp16 half;
    memcpy(&half, &bits, 2);
    *next++ = fromBits(i << 16);
    *next++ = (float)half;
    *next++ = (float)i / 4096 - 8;
  }
  for (uint32_t i = 0; i < kOthers; ++i)
    *next++ = fromBits(i * 0x4000 + i * 7919 % 0x4000);
}

static double rsqrt(double value) { return 1 / sqrt(value); }

/// As in MathTest.cpp: results below the normal range may be 0.
static double ulps(double got, double wanted) {
  if (isnan(wanted) || isnan(got))
    return isnan(wanted) && isnan(got) ? 0 : 1e9;
  double rounded = (float)wanted;
  if (isinf(rounded) || isinf(got))
    return rounded == got ? 0 : fabs(wanted) > 3.4028e38 && fabs(got) > 3.4028e38 ? 1 : 1e9;
  if (fabs(wanted) < 0x1p-125)
    return fabs(got - wanted) <= 0x1p-126 ? 0 : 1e9;
  return fabs(got - wanted) / ldexp(1, ilogb(wanted) - 23);
}

static int check(const char *name, const float *got, double (*function)(double), double limit, double most) {
  double worst = 0, where = 0;
  for (int i = 0; i < kCount; ++i) {
    if (fpclassify(x[i]) == FP_SUBNORMAL || (isfinite(x[i]) && fabs(x[i]) > most))
      continue;
    double error = ulps(got[i], function(x[i]));
    if (error > worst) {
      worst = error;
      where = x[i];
    }
  }
  printf("%s: at most %.2f units in the last place, at %g; limit %.1f\n", name, worst, where, limit);
  return worst > limit;
}

int main(void) {
  fill();
  void *buffers[1 + kFunctions] = {x};
  for (int i = 0; i < kFunctions; ++i)
    buffers[1 + i] = y[i];
  void *scratch = aligned_alloc(256, (size_t)(kinu_scratch_bytes + 256) / 256 * 256);
  functions(buffers, scratch, 0, kinu_tasks);
  double all = INFINITY;
  int failures = check("exp", y[0], exp, 1, all) + check("log", y[1], log, 1, all) + check("tanh", y[2], tanh, 1.6, all) +
                 check("erf", y[3], erf, 1.1, all) + check("sqrt", y[4], sqrt, 3, all) +
                 check("rsqrt", y[5], rsqrt, 5, all) + check("sin", y[6], sin, 1.6, 65536) +
                 check("cos", y[7], cos, 1.6, 65536);
  return failures != 0;
}
