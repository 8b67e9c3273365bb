#include "compiler/report/Traffic.h"

#include <algorithm>

using namespace kinu::report;

/// Afterwards no piece lies on both sides of `offset`.
void Traffic::cutAt(int64_t offset) {
  auto behind = pieces.lower_bound(offset);
  if (behind == pieces.begin())
    return;
  Piece &before = std::prev(behind)->second;
  if (before.end <= offset)
    return;
  pieces.emplace_hint(behind, offset, before);
  before.end = offset;
}

TrafficBytes Traffic::touch(int64_t offset, int64_t bytes) {
  TrafficBytes found;
  int64_t end = offset + bytes;
  double now = touched - double(offset), known = 0;
  cutAt(offset);
  cutAt(end);
  auto first = pieces.lower_bound(offset), last = pieces.lower_bound(end);
  for (auto piece = first; piece != last; ++piece) {
    // The same for every byte: how much was touched between it and its last time, its own bytes included, for what does
    // not fit the cache pushes itself out.
    double between = now - piece->second.when, size = double(piece->second.end - piece->first);
    (between <= double(l2Bytes) ? found.l2 : between <= double(l3Bytes) ? found.l3 : found.memory) += size;
    known += size;
  }
  found.memory += double(bytes) - known;
  pieces.erase(first, last);
  if (bytes > 0)
    pieces[offset] = {end, now};
  touched += double(bytes);
  return found;
}
