// The threads kernels run on.
#pragma once

namespace kinu::rt {

/// Cores this process may use, as hwloc sees them; at least 1.
int availableCores();

/// Takes an OMP_NUM_THREADS that is no sensible number out of the environment, with a note: libomp aborts or hangs on
/// some. To be called before anything uses libomp.
void checkThreadEnvironment();

/// Removes the file in which libomp registered itself in an earlier process of this number that was killed. One that is
/// empty, since a limit on files was hit, would end this process by a bus error. To be called before anything uses
/// libomp.
void removeOldRegistration();

/// Sets the number of threads (0: as OMP_NUM_THREADS says, else all available cores) and makes every thread flush
/// denormal numbers to zero. Threads are pinned to cores only when they take all of them: two runs sharing a machine
/// must not be pinned to one core. Returns the number of threads.
/// Throws Failure (Exit::Usage) if far more are requested than there are processors.
int setUpThreads(int requested);

} // namespace kinu::rt
