// See Requests.h.
#include "runtime/Requests.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace kinu::rt {

using Clock = std::chrono::steady_clock;

/// On the link, of a collective that blocks.
static constexpr int32_t kBlocking = -1;

static const char *nameOf(int32_t kind) {
  switch (kind) {
  case kKinuAllReduce: return "all_reduce";
  case kKinuReduceScatter: return "reduce_scatter";
  case kKinuAllGather: return "all_gather";
  case kKinuAllToAll: return "all_to_all";
  default: return "receive";
  }
}

void Requests::run(const KinuCollective &collective, void *const *buffers, const char *program) {
  bool ends = collective.kind == kKinuWait;
  if (!ends)
    bytes += payloadOf(collective, ranks.groupSize(collective.axes));
  Clock::time_point before = Clock::now();
  if (ends)
    wait(collective.slot);
  else if (collective.slot >= 0)
    start(collective, buffers);
  else
    runCollective(collective, buffers, ranks);
  if (!late.isOn() || collective.kind == kKinuReceive)
    return;
  if (!ends) {
    int64_t members = ranks.groupSize(collective.axes);
    MessageTimes &times = timesOf(collective, program);
    ++times.messages;
    times.seconds += late.secondsOf(collective, members);
    late.begin(collective.slot, collective, members);
    if (collective.slot >= 0)
      return;
    await(kBlocking);
  }
  timesOf(collective, program).waited += std::chrono::duration<double>(Clock::now() - before).count();
}

void Requests::start(const KinuCollective &collective, void *const *buffers) {
  if (!ranks.connected())
    return runCollective(collective, buffers, ranks); // there is nobody to wait for
  std::vector<MPI_Request> begun;
  startCollective(collective, buffers, ranks, begun);
  for (MPI_Request request : begun)
    open.push_back({collective.slot, request});
}

void Requests::wait(int32_t slot) {
  if (late.isOn())
    await(slot);
  std::erase_if(open, [&](Open &one) {
    if (one.slot != slot)
      return false;
    MPI_Wait(&one.request, MPI_STATUS_IGNORE);
    return true;
  });
}

/// Of late deliveries: whoever waits leaves the core to others.
void Requests::await(int32_t slot) {
  for (;;) {
    late.progress();
    for (Open &one : open) {
      int done = 0;
      MPI_Test(&one.request, &done, MPI_STATUS_IGNORE);
    }
    if (late.arrived(slot))
      return;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

void Requests::poll() {
  if (!polls || open.empty())
    return;
  late.progress();
  for (Open &one : open) {
    int done = 0;
    if (one.request != MPI_REQUEST_NULL)
      MPI_Test(&one.request, &done, MPI_STATUS_IGNORE);
  }
}

void Requests::deliverLate(double secondsPerByte, bool polling) {
  late.setSecondsPerByte(secondsPerByte);
  polls = polling;
  counted.clear();
}

/// A wait counts for what it waits for.
MessageTimes &Requests::timesOf(const KinuCollective &collective, const char *program) {
  const char *kind = collective.kind == kKinuWait ? kinds[size_t(collective.slot)] : nameOf(collective.kind);
  if (collective.kind != kKinuWait && collective.slot >= 0) {
    kinds.resize(std::max(kinds.size(), size_t(collective.slot) + 1));
    kinds[size_t(collective.slot)] = kind;
  }
  for (MessageTimes &known : counted)
    if (std::strcmp(known.program, program) == 0 && std::strcmp(known.kind, kind) == 0)
      return known;
  counted.push_back({program, kind});
  return counted.back();
}

} // namespace kinu::rt
