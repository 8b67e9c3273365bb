// See Watchdog.h.
#include "runtime/Watchdog.h"

#include "runtime/Failure.h"
#include "runtime/Position.h"
#include "runtime/Signals.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <thread>
#include <unistd.h>

namespace kinu::rt {

namespace {
using Clock = std::chrono::steady_clock;

/// A sign of life.
struct Beat {
  int64_t step = -1;
  char program[16] = "", operation[72] = "";
  bool last = false; ///< the rank is done: no more will come
};

double since(Clock::time_point then) { return std::chrono::duration<double>(Clock::now() - then).count(); }

/// Copies without allocating: it is used in signal handlers, too.
void copy(char *to, size_t size, const char *from) {
  std::strncpy(to, from ? from : "", size - 1);
  to[size - 1] = '\0';
}

Beat ownBeat() {
  Beat beat;
  beat.step = position.step.load(std::memory_order_relaxed);
  const KinuLaunch *launch = position.launch.load(std::memory_order_relaxed);
  copy(beat.program, sizeof beat.program, position.program.load(std::memory_order_relaxed));
  copy(beat.operation, sizeof beat.operation, launch ? launch->label : nullptr);
  return beat;
}

/// `step 12, in micro, last operation all_reduce`.
std::string describe(const Beat &beat) {
  if (beat.step < 0 && !*beat.program)
    return "no step";
  std::string what = beat.step < 0 ? "no step" : "step " + std::to_string(beat.step + 1);
  if (*beat.program)
    what += std::string(", in ") + beat.program;
  if (*beat.operation)
    what += std::string(", last operation ") + beat.operation;
  return what;
}
} // namespace

class Watchdog::Thread {
public:
  Thread(const Mesh &mesh, double seconds, std::FILE *errors) : mesh(mesh), seconds(seconds), errors(errors) {
    int provided = MPI_THREAD_SINGLE;
    MPI_Query_thread(&provided);
    talks = provided == MPI_THREAD_MULTIPLE;
    if (talks)
      MPI_Comm_dup(MPI_COMM_WORLD, &ring), MPI_Comm_set_name(ring, "kinu.watchdog"); // CountBytes.cpp knows it
    thread = std::thread([this] { run(); });
  }

  ~Thread() {
    failing = std::uncaught_exceptions() > 0; // the other ranks know nothing of it and would not say goodbye
    stopping = true;
    thread.join();
    if (talks && !failing)
      MPI_Comm_free(&ring);
  }

private:
  int before() const { return int((mesh.rank() + mesh.ranks() - 1) % mesh.ranks()); }
  int next() const { return int((mesh.rank() + 1) % mesh.ranks()); }

  void run();
  void send(bool last);
  void receive();
  void lookAtSelf();
  void checkNeighbour();
  [[noreturn]] void end(const std::string &message);

  const Mesh &mesh;
  double seconds;
  std::FILE *errors;
  bool talks = false, failing = false;
  MPI_Comm ring = MPI_COMM_NULL;
  std::atomic<bool> stopping{false};
  Beat heard, sent;
  Clock::time_point heardAt = Clock::now(), movedAt = Clock::now(), signalledAt = Clock::now();
  const KinuLaunch *lastLaunch = nullptr;
  int64_t lastStep = -1;
  bool signalled = false, said = false;
  MPI_Request sending = MPI_REQUEST_NULL;
  std::thread thread;
};

/// Ten times a second: often enough to name a rank whose death makes the launcher end all others at once.
void Watchdog::Thread::run() {
  while (!stopping) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (talks) {
      send(false);
      receive();
    }
    lookAtSelf();
    if (talks)
      checkNeighbour();
  }
  if (!talks || failing)
    return;
  if (sending != MPI_REQUEST_NULL)
    MPI_Wait(&sending, MPI_STATUS_IGNORE);
  send(true);
  MPI_Wait(&sending, MPI_STATUS_IGNORE);
  while (!heard.last) { // so that no message is left over; a neighbour that dies meanwhile is noticed as before
    receive();
    checkNeighbour();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void Watchdog::Thread::send(bool last) {
  int done = 1;
  if (sending != MPI_REQUEST_NULL)
    MPI_Test(&sending, &done, MPI_STATUS_IGNORE);
  if (!done)
    return;
  sent = ownBeat();
  sent.last = last;
  MPI_Isend(&sent, sizeof sent, MPI_BYTE, next(), 0, ring, &sending);
}

void Watchdog::Thread::receive() {
  for (int there = 1; there && !heard.last;) {
    MPI_Iprobe(before(), 0, ring, &there, MPI_STATUS_IGNORE);
    if (!there)
      return;
    MPI_Recv(&heard, sizeof heard, MPI_BYTE, before(), 0, ring, MPI_STATUS_IGNORE);
    heardAt = Clock::now();
  }
}

/// A step that does not go on, although all ranks are alive, waits for a message that nobody sends.
void Watchdog::Thread::lookAtSelf() {
  const KinuLaunch *launch = position.launch.load(std::memory_order_relaxed);
  int64_t step = position.step.load(std::memory_order_relaxed);
  if (launch != lastLaunch || step != lastStep || !launch) {
    lastLaunch = launch;
    lastStep = step;
    movedAt = Clock::now();
  }
  // The neighbour of a stopped rank speaks first.
  if (since(movedAt) > 2 * seconds)
    end(text("rank ", mesh.rank(), ": nothing has moved for ", int64_t(since(movedAt)), " s, at ",
             describe(ownBeat())));
}

void Watchdog::Thread::checkNeighbour() {
  if (heard.last)
    return;
  double silent = since(heardAt);
  if (silent > seconds)
    end(text("rank ", before(), " has not been heard of for ", int64_t(silent),
             " s: it is stopped, or its node is down; ", "it was at ", describe(heard), "; rank ", mesh.rank(),
             " is at ", describe(ownBeat())));
  // When a rank dies the launcher tells the others to stop, and ends them a second later.
  if (stopRequested() && !signalled) {
    signalled = true;
    signalledAt = Clock::now();
  }
  if (signalled && !said && silent > 0.6 && since(signalledAt) > 0.3) {
    said = true;
    std::fprintf(errors, "error: rank %d is silent since this rank, %d, was told to stop; it was at %s\n", before(),
                 mesh.rank(), describe(heard).c_str());
    std::fflush(errors);
  }
}

void Watchdog::Thread::end(const std::string &message) {
  std::fprintf(errors, "error: %s\n", message.c_str());
  std::fflush(errors);
  if (talks)
    MPI_Abort(MPI_COMM_WORLD, int(Exit::Hang));
  std::_Exit(int(Exit::Hang));
}

Watchdog::Watchdog(const Mesh &mesh, double seconds, std::FILE *errors) {
  if (mesh.ranks() > 1 && seconds > 0)
    thread = std::make_unique<Thread>(mesh, seconds, errors);
}

Watchdog::~Watchdog() = default;

static int crashRank, crashOutput;

/// Writes with what is allowed in a signal handler.
static void sayPosition(const char *what) {
  char line[256];
  Beat beat = ownBeat();
  size_t used = 0;
  auto add = [&](const char *text) {
    for (; *text && used < sizeof line - 2; ++text)
      line[used++] = *text;
  };
  auto number = [&](int64_t value) {
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do
      digits[--at] = char('0' + value % 10);
    while (value /= 10);
    add(digits + at);
  };
  add("error: rank "), number(crashRank), add(" "), add(what), add(" at ");
  if (beat.step < 0) {
    add("no step");
  } else {
    add("step "), number(beat.step + 1), add(", in "), add(beat.program), add(", last operation "), add(beat.operation);
  }
  line[used++] = '\n';
  if (write(crashOutput, line, used) < 0)
    return;
}

static void onCrash(int signal) {
  sayPosition(signal == SIGSEGV  ? "crashes (segmentation fault)"
              : signal == SIGBUS ? "crashes (bus error: a file that is mapped was cut, or memory has failed)"
              : signal == SIGFPE ? "crashes (arithmetic exception)"
              : signal == SIGILL ? "crashes (illegal instruction: it was built for another processor)"
                                 : "aborts");
  std::signal(signal, SIG_DFL);
  raise(signal);
}

void reportCrashes(int rank, std::FILE *errors) {
  crashRank = rank;
  crashOutput = fileno(errors);
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    std::signal(signal, onCrash);
  std::atexit([] {
    if (position.step.load(std::memory_order_relaxed) >= 0)
      sayPosition("leaves");
  });
}

} // namespace kinu::rt
