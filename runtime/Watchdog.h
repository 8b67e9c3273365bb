// Notices ranks that have stopped, and ends the job instead of waiting for them for ever.
//
// Every rank sends a sign of life to the next one on the mesh, from a thread of its own, with what it is doing. Whoever
// hears nothing from the one before ends the job. It costs a message of 100 bytes a rank now and then, whatever the
// number of ranks. The MPI library must allow calls from several threads; where it does not, a rank can only tell that
// its own step does not go on.
#pragma once

#include "runtime/Mesh.h"

#include <cstdio>
#include <memory>

namespace kinu::rt {

class Watchdog {
public:
  /// To be made and destroyed by all ranks at once. After `seconds` of silence, or of a step that does not go on, the
  /// job ends with Exit::Hang and words on `errors`. 0 seconds: it does nothing.
  Watchdog(const Mesh &mesh, double seconds, std::FILE *errors);
  ~Watchdog();

private:
  class Thread;
  std::unique_ptr<Thread> thread;
};

/// From now on a crash, or a call of exit() in the middle of a step, says on `errors` which rank it was and what it
/// did.
void reportCrashes(int rank, std::FILE *errors);

} // namespace kinu::rt
