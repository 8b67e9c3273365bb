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

/// Sums of single numbers, as losses, take no time but for ranks that wait for one another.
static const char *nameOf(const KinuCollective &collective) {
  if (collective.count == 1)
    return "number";
  switch (collective.kind) {
  case kKinuAllReduce: return "all_reduce";
  case kKinuReduceScatter: return "reduce_scatter";
  case kKinuAllGather: return "all_gather";
  case kKinuAllToAll: return "all_to_all";
  case kKinuShift: return "shift";
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
  else if (collective.kind == kKinuReceive)
    receive(collective, buffers);
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

void Requests::receiveAhead(const KinuCollective &collective, void *buffer) {
  if (ranks.connected())
    arrivals.push_back({buffer, startReceive(collective, buffer, ranks)});
}

/// Waits for what is received ahead, if it is.
void Requests::receive(const KinuCollective &collective, void *const *buffers) {
  auto arrival =
      std::find_if(arrivals.begin(), arrivals.end(), [&](const Arrival &one) { return one.buffer == buffers[0]; });
  if (arrival == arrivals.end())
    return runCollective(collective, buffers, ranks);
  ranks.finish(arrival->request);
  arrivals.erase(arrival);
}

void Requests::start(const KinuCollective &collective, void *const *buffers) {
  if (!ranks.connected())
    return runCollective(collective, buffers, ranks); // there is nobody to wait for
  startCollective(collective, buffers, ranks, open);
  slots.resize(open.size(), collective.slot);
}

void Requests::wait(int32_t slot) {
  if (late.isOn())
    await(slot);
  size_t kept = 0;
  for (size_t i = 0; i < open.size(); ++i) {
    if (slots[i] == slot) {
      MPI_Wait(&open[i], MPI_STATUS_IGNORE);
      continue;
    }
    open[kept] = open[i];
    slots[kept++] = slots[i];
  }
  open.resize(kept);
  slots.resize(kept);
}

/// Of late deliveries: whoever waits leaves the core to others.
void Requests::await(int32_t slot) {
  for (progress(); !late.arrived(slot); progress())
    std::this_thread::sleep_for(std::chrono::microseconds(200));
}

void Requests::poll() {
  if (polls && anyUnderWay())
    progress();
}

/// One call lets MPI look at everything that is under way.
void Requests::progress() {
  late.progress();
  int count = 0;
  done.resize(open.size());
  if (!open.empty())
    MPI_Testsome(int(open.size()), open.data(), &count, done.data(), MPI_STATUSES_IGNORE);
  for (Arrival &arrival : arrivals)
    MPI_Test(&arrival.request, &count, MPI_STATUS_IGNORE);
}

void Requests::deliverLate(double secondsPerByte, bool polling) {
  late.setSecondsPerByte(secondsPerByte);
  polls = polling;
  counted.clear();
}

/// A wait counts for what it waits for.
MessageTimes &Requests::timesOf(const KinuCollective &collective, const char *program) {
  const char *kind = collective.kind == kKinuWait ? kinds[size_t(collective.slot)] : nameOf(collective);
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
