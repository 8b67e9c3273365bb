// See Signals.h.
#include "runtime/Signals.h"

#include <csignal>
#include <initializer_list>
#include <unistd.h>

namespace kinu::rt {

static volatile std::sig_atomic_t requested = 0;

static void onSignal(int signal) {
  if (signal == SIGINT && requested)
    _exit(128 + SIGINT);
  requested = 1;
}

void installSignalHandlers() {
  struct sigaction action = {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_RESTART; // a checkpoint being written must not fail because of the signal
  for (int signal : {SIGTERM, SIGINT, SIGUSR1, SIGXCPU})
    sigaction(signal, &action, nullptr);
  struct sigaction before = {};
  if (sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) // as nohup leaves it
    sigaction(SIGHUP, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &action, nullptr);
  sigaction(SIGPIPE, &action, nullptr); // a closed pipe must not kill a training that only prints to it
}

bool stopRequested() { return requested; }

} // namespace kinu::rt
