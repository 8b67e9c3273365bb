// Asking a run to stop: SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGXCPU end it at the next step, with a checkpoint.
#pragma once

namespace kinu::rt {

/// Installs the handlers. To be called before MPI_Init, which keeps a SIGXCPU handler that is there already (batch
/// systems send it ten seconds before they kill). A second SIGINT ends the process at once. Writing past a limit on
/// file sizes becomes an error of write() rather than a signal.
void installSignalHandlers();

/// Whether one of the signals has come.
bool stopRequested();

} // namespace kinu::rt
