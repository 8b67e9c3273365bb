// The threads kernels run on.
#pragma once

namespace kinu::rt {

/// Cores this process may use, as hwloc sees them; at least 1.
int availableCores();

/// Sets the number of threads (0: as OMP_NUM_THREADS says, else all available cores) and makes every thread flush
/// denormal numbers to zero. Threads are pinned to cores only when they take all of them: two runs sharing a machine
/// must not be pinned to one core. Returns the number of threads.
int setUpThreads(int requested);

} // namespace kinu::rt
