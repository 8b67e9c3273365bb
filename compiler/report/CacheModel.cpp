#include "compiler/report/CacheModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace kinu::report;
using kinu::machines::Machine;
using kinu::machines::Timing;

/// One line of eight neighbours is simulated, in as many sets for each eight as the cache has: another place in the
/// eight from one to the next, so that no stride misses it.
static constexpr int64_t kSampled = 8;
/// Where buffers and scratch begin is staggered, as an arena does: else they would meet in the same sets.
static constexpr int64_t kStagger = 0x5200;

/// The place of the simulated line in a group of eight: all three-bit digits of its number, added without carry.
static int64_t sampledPlace(uint64_t group) {
  for (int shift : {48, 24, 12, 6, 3})
    group ^= group >> shift;
  return int64_t(group % kSampled);
}

CacheTraffic &CacheTraffic::operator+=(const CacheTraffic &other) {
  l2 += other.l2;
  l3 += other.l3;
  memory += other.memory;
  fresh += other.fresh;
  return *this;
}

CacheModel::Cache::Cache(int64_t bytes, int64_t line, int64_t ways)
    : ways(ways), sets(uint64_t(std::max<int64_t>(1, bytes / line / ways / kSampled))),
      lines(size_t(sets) * size_t(ways)) {}

bool CacheModel::Cache::touch(uint64_t number, bool writes, Line &evicted) {
  Line *set = lines.data() + (number % sets) * uint64_t(ways);
  Line found{number, writes};
  int64_t place = 0;
  while (place < ways - 1 && set[place].number != number)
    ++place;
  bool hit = set[place].number == number;
  if (hit)
    found.written |= set[place].written;
  else
    evicted = set[place];
  std::move_backward(set, set + place, set + place + 1);
  set[0] = found;
  return hit;
}

CacheModel::CacheModel(const Machine &machine, const Timing &timing, int64_t threads)
    : line(timing.lineBytes), l1Bytes(machine.l1Bytes), l2Cores(std::max<int64_t>(1, machine.l2Cores)) {
  int64_t groups = std::max<int64_t>(1, machine.memoryGroups);
  l1.assign(size_t(threads), Cache(machine.l1Bytes, line, timing.l1Ways));
  l2.assign(size_t(llvm::divideCeil(threads, l2Cores)), Cache(machine.l2Bytes, line, timing.l2Ways));
  if (machine.l3Bytes > 0)
    l3.assign(1, Cache(machine.l3Bytes / groups, line, timing.l2Ways));
}

int64_t CacheModel::placeOf(int64_t thread, int64_t address) const {
  int64_t owner = address >= kScratchAddress ? 64 + thread : address / kBufferSpan;
  return address + (address >= kScratchAddress ? thread * kBufferSpan : 0) + owner * kStagger;
}

/// The line leaves a second cache, having been written.
void CacheModel::writeBack(int64_t thread, uint64_t number, CacheTraffic &counts) {
  bool &wasBack = known[number];
  if (wasBack)
    (l3.empty() ? counts.memory : counts.l3) += double(line);
  wasBack = true;
}

void CacheModel::touchLine(int64_t thread, uint64_t number, bool writes, CacheTraffic &counts) {
  Cache::Line evicted;
  if (l1[size_t(thread)].touch(number, writes, evicted))
    return;
  Cache &second = l2[size_t(thread / l2Cores)];
  counts.l2 += double(line);
  if (evicted.written) {
    counts.l2 += double(line);
    Cache::Line next;
    if (!second.touch(evicted.number, true, next) && next.written)
      writeBack(thread, next.number, counts);
  }
  Cache::Line old;
  if (second.touch(number, false, old))
    return;
  if (old.written)
    writeBack(thread, old.number, counts);
  bool isNew = known.try_emplace(number, false).second;
  Cache::Line gone;
  bool inThird = !l3.empty() && l3[0].touch(number, false, gone);
  (isNew ? counts.fresh : inThird ? counts.l3 : counts.memory) += double(line);
}

void CacheModel::touchBytes(int64_t thread, int64_t begin, int64_t end, const Range &range, CacheTraffic &counts) {
  if (begin >= end)
    return;
  CacheTraffic sampled;
  uint64_t last = uint64_t((end - 1) / line) / kSampled;
  for (uint64_t group = uint64_t(begin / line) / kSampled; group <= last; ++group) {
    int64_t place = (int64_t(group) * kSampled + sampledPlace(group)) * line;
    if (place >= end || place + line <= begin)
      continue;
    if (range.streams) {
      if (known.try_emplace(group, true).second)
        sampled.fresh += double(line);
    } else {
      touchLine(thread, group, range.writes, sampled);
    }
  }
  counts.l2 += kSampled * sampled.l2;
  counts.l3 += kSampled * sampled.l3;
  counts.memory += kSampled * sampled.memory;
  counts.fresh += kSampled * sampled.fresh;
}

void CacheModel::touch(int64_t thread, int64_t rounds, llvm::ArrayRef<MemoryAccess> accesses, CacheTraffic &counts) {
  // Neighbours that move together become one range.
  llvm::SmallVector<Range, 16> ranges;
  for (const MemoryAccess &access : accesses)
    if (access.address >= kBufferSpan) { // else on the stack, or a constant
      int64_t place = placeOf(thread, access.address);
      ranges.push_back({place, place + access.bytes, access.stride, access.writes, access.streams});
    }
  llvm::sort(ranges, [](const Range &x, const Range &y) {
    return std::tie(x.stride, x.writes, x.streams, x.begin) < std::tie(y.stride, y.writes, y.streams, y.begin);
  });
  size_t count = 0;
  for (const Range &range : ranges) {
    Range *last = count ? &ranges[count - 1] : nullptr;
    bool joins = last && last->stride == range.stride && last->writes == range.writes &&
                 last->streams == range.streams && range.begin <= last->end + line;
    if (joins)
      last->end = std::max(last->end, range.end);
    else
      ranges[count++] = range;
  }
  ranges.truncate(count);

  int64_t bytes = 1;
  for (const Range &range : ranges)
    bytes += std::min(range.end - range.begin, std::max<int64_t>(1, std::abs(range.stride)));
  // Ranges take turns, each for a small part of the first cache.
  int64_t together = std::max<int64_t>(1, l1Bytes / 16 / bytes);
  for (int64_t round = 0; round < rounds; round += together) {
    int64_t now = std::min(together, rounds - round);
    for (const Range &range : ranges) {
      int64_t first = range.begin + round * range.stride, width = range.end - range.begin;
      int64_t last = first + (now - 1) * range.stride;
      if (std::abs(range.stride) <= width + line) { // no gaps
        touchBytes(thread, std::min(first, last), std::max(first, last) + width, range, counts);
        continue;
      }
      for (int64_t at = first, i = 0; i < now; ++i, at += range.stride)
        touchBytes(thread, at, at + width, range, counts);
    }
  }
}
