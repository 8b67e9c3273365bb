// The collectives of a program: those that block, and those that were begun and are under way.
#pragma once

#include "runtime/Collectives.h"
#include "runtime/LateDelivery.h"

#include <vector>

namespace kinu::rt {

/// What collectives of one kind in one program took, all together, if their times are taken.
struct MessageTimes {
  const char *program;
  const char *kind;
  int64_t messages = 0;
  double seconds = 0; ///< that delivery takes
  double waited = 0;  ///< of the rank's own time
};

/// MPI makes progress only when it is called: somebody must poll while something is under way.
class Requests {
public:
  explicit Requests(const Mesh &ranks) : ranks(ranks) {}

  /// Begins a collective that has a slot, ends it (kKinuWait), or does all of it at once.
  void run(const KinuCollective &collective, void *const *buffers, const char *program);
  /// Begins a kKinuReceive that is to be run soon, and that ends then.
  void receiveAhead(const KinuCollective &collective, void *buffer);
  bool anyUnderWay() const { return !open.empty() || !arrivals.empty(); }
  void poll();

  /// From now on collectives take longer, and how long is counted. Without `polls` nobody asks MPI before it must: for
  /// showing what polling is good for.
  void deliverLate(double secondsPerByte, bool polls);
  const std::vector<MessageTimes> &times() const { return counted; }
  /// Bytes of all collectives that ran since the start, as `kinu plan` counts them.
  int64_t payload() const { return bytes; }

private:
  void start(const KinuCollective &collective, void *const *buffers);
  void receive(const KinuCollective &collective, void *const *buffers);
  void wait(int32_t slot);
  void await(int32_t slot);
  void progress();
  MessageTimes &timesOf(const KinuCollective &collective, const char *program);

  /// What is received ahead.
  struct Arrival {
    const void *buffer;
    MPI_Request request; ///< null once it is there
  };

  const Mesh &ranks;
  std::vector<Arrival> arrivals;
  std::vector<MPI_Request> open; ///< those that are done are null
  std::vector<int32_t> slots;    ///< of each; several of one slot: pieces of a long one
  std::vector<int> done;         ///< room for MPI's answer
  LateDelivery late;
  bool polls = true;
  std::vector<MessageTimes> counted;
  std::vector<const char *> kinds; ///< of what was begun last in each slot
  int64_t bytes = 0;
};

} // namespace kinu::rt
