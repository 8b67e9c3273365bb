// Makes a machine's network slow, for rehearsals: collectives arrive later than they do.
#pragma once

#include "runtime/Abi.h"

#include <chrono>
#include <cstdint>
#include <deque>

namespace kinu::rt {

/// All collectives of a rank go over one link, one after another, an all-reduce in two rounds. A round that is over
/// makes room for the next one when somebody looks, and not before: so it is with MPI, which makes progress when it is
/// called.
class LateDelivery {
public:
  using Clock = std::chrono::steady_clock;

  /// From now on each byte takes so many seconds; 0: nothing is late.
  void setSecondsPerByte(double seconds) { secondsPerByte = seconds; }
  bool isOn() const { return secondsPerByte > 0; }

  /// Puts a collective among `ranks` on the link, with a number that no other one on it has.
  void begin(int32_t number, const KinuCollective &collective, int64_t ranks);
  void progress();
  /// Whether it has been delivered. It is, once `progress` saw its last round end.
  bool arrived(int32_t number) const;
  /// What a collective takes in all.
  double secondsOf(const KinuCollective &collective, int64_t ranks) const;

private:
  struct Message {
    int32_t number;
    int64_t rounds; ///< left
    Clock::duration round;
  };
  std::deque<Message> link; ///< the first one is being delivered
  Clock::time_point due;    ///< end of its round
  double secondsPerByte = 0;
};

/// Bytes of a collective as `kinu plan` counts them: of the longer of what goes in and what comes out.
int64_t payloadOf(const KinuCollective &collective, int64_t ranks);

} // namespace kinu::rt
