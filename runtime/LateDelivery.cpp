// See LateDelivery.h.
#include "runtime/LateDelivery.h"

#include "runtime/Collectives.h"

#include <algorithm>

namespace kinu::rt {

int64_t payloadOf(const KinuCollective &collective, int64_t ranks) {
  bool isWhole = collective.kind == kKinuAllReduce || collective.kind == kKinuShift || collective.kind == kKinuSend ||
                 collective.kind == kKinuReceive;
  return collective.count * int64_t(widthOf(collective.dtype)) * (isWhole ? 1 : ranks);
}

/// A ring takes many more. But kernels are stretched here and the time between two looks is not, so that it would count
/// too much.
static int64_t roundsOf(const KinuCollective &collective) { return collective.kind == kKinuAllReduce ? 2 : 1; }

double LateDelivery::secondsOf(const KinuCollective &collective, int64_t ranks) const {
  return secondsPerByte * double(payloadOf(collective, ranks));
}

void LateDelivery::begin(int32_t number, const KinuCollective &collective, int64_t ranks) {
  int64_t rounds = roundsOf(collective);
  std::chrono::duration<double> round(secondsOf(collective, ranks) / double(rounds));
  link.push_back({number, rounds, std::chrono::duration_cast<Clock::duration>(round)});
  if (link.size() == 1)
    due = Clock::now() + link.front().round;
}

void LateDelivery::progress() {
  for (auto now = Clock::now(); !link.empty() && now >= due;) {
    if (--link.front().rounds == 0)
      link.pop_front();
    if (!link.empty())
      due = now + link.front().round;
  }
}

bool LateDelivery::arrived(int32_t number) const {
  return std::none_of(link.begin(), link.end(), [&](const Message &message) { return message.number == number; });
}

} // namespace kinu::rt
