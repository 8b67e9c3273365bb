// Loops of one kind of traffic each, in 512-bit vectors where there are any.
#include "MemoryLoops.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sys/mman.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

using namespace kinu::test;

static constexpr size_t kFloats = size_t(16) << 20;

double kinu::test::seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double kinu::test::median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

void *kinu::test::allocateLarge(size_t bytes) {
  constexpr size_t kHugePage = size_t(2) << 20;
  bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void *memory = std::aligned_alloc(kHugePage, bytes);
  madvise(memory, bytes, MADV_HUGEPAGE); // only advice
  return memory;
}

static float *allocate() {
  auto *memory = static_cast<float *>(allocateLarge(kFloats * 4));
  std::fill_n(memory, kFloats, 0.25f);
  return memory;
}

MemoryLoops::MemoryLoops() : from(allocate()), to(allocate()) {}

MemoryLoops::~MemoryLoops() {
  std::free(from);
  std::free(to);
}

/// The second of two runs: the first one pays for what the loop before has left in the caches to be written back.
template <typename Body> double MemoryLoops::timed(Body body) {
  body();
  double start = seconds();
  body();
  return (seconds() - start) / double(kFloats * 4);
}

void MemoryLoops::measure() {
  reads.push_back(timed([&] { read(); }));
  copies.push_back(std::min(timed([&] { copy(); }), timed([&] { stream(); })));
  fills.push_back(std::min(timed([&] { fill(); }), timed([&] { streamFill(); })));
  updates.push_back(timed([&] { update(); }));
}

double MemoryLoops::perRead() const { return median(reads); }
double MemoryLoops::perCopy() const { return median(copies); }
double MemoryLoops::perWrite() const { return median(fills); }
double MemoryLoops::perUpdate() const { return median(updates); }

void MemoryLoops::copy() {
  for (size_t i = 0; i < kFloats; ++i)
    to[i] = from[i] * 1.5f; // a plain copy would become a call of memcpy
}

void MemoryLoops::fill() {
  for (size_t i = 0; i < kFloats; ++i)
    to[i] = float(i);
}

void MemoryLoops::update() {
  for (size_t i = 0; i < kFloats; ++i)
    to[i] = to[i] * 0.5f + 1;
}

#if defined(__AVX512F__)
void MemoryLoops::read() {
  __m512 sums[4] = {};
  for (size_t i = 0; i < kFloats; i += 64)
    for (size_t k = 0; k < 4; ++k)
      sums[k] = _mm512_add_ps(sums[k], _mm512_load_ps(from + i + 16 * k));
  sink = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

void MemoryLoops::stream() {
  for (size_t i = 0; i < kFloats; i += 16)
    _mm512_stream_ps(to + i, _mm512_load_ps(from + i));
  _mm_sfence();
}

void MemoryLoops::streamFill() {
  for (size_t i = 0; i < kFloats; i += 16)
    _mm512_stream_ps(to + i, _mm512_set1_ps(float(i)));
  _mm_sfence();
}
#else
void MemoryLoops::read() {
  float sums[64] = {};
  for (size_t i = 0; i < kFloats; i += 64)
    for (size_t k = 0; k < 64; ++k)
      sums[k] += from[i + k];
  for (float sum : sums)
    sink = sink + sum;
}

void MemoryLoops::stream() { copy(); }
void MemoryLoops::streamFill() { fill(); }
#endif
