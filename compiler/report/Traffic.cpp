#include "compiler/report/Traffic.h"

#include <algorithm>

using namespace kinu::report;

/// Bytes whose last touch is remembered together.
static constexpr int64_t kPage = 1 << 14;

Traffic::Traffic(int64_t arenaBytes, int64_t l2Bytes, int64_t l3Bytes)
    : l2Bytes(l2Bytes), l3Bytes(l3Bytes), since(size_t(arenaBytes / kPage + 1), -1.0) {}

TrafficBytes Traffic::touch(int64_t offset, int64_t bytes) {
  TrafficBytes found;
  double before = touched;
  touched += double(bytes);
  for (int64_t at = offset, end = offset + bytes; at < end;) {
    int64_t next = std::min(end, (at / kPage + 1) * kPage);
    double &last = since[size_t(at / kPage)];
    // Its own bytes count too: what does not fit the cache pushes itself out.
    double between = last < 0 ? -1 : before + double(at - offset) - last;
    double &where = between >= 0 && between <= double(l2Bytes)   ? found.l2
                    : between >= 0 && between <= double(l3Bytes) ? found.l3
                                                                 : found.memory;
    where += double(next - at);
    last = before + double(next - offset);
    at = next;
  }
  return found;
}
