// See Threads.h: counts cores with hwloc, pins libomp's threads to them, sets each thread's floating-point mode.
#include "runtime/Threads.h"

#include "runtime/Failure.h"
#include "runtime/Messages.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <hwloc.h>
#include <omp.h>
#include <sched.h>
#include <string_view>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#endif

namespace kinu::rt {

namespace {
/// The machine's cores, or nothing if hwloc cannot tell (as under some emulators).
class Topology {
public:
  Topology() {
    if (hwloc_topology_init(&topology) == 0) {
      hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
      loaded = hwloc_topology_load(topology) == 0;
    }
  }
  ~Topology() { hwloc_topology_destroy(topology); }
  Topology(const Topology &) = delete;
  Topology &operator=(const Topology &) = delete;

  int cores() const { return loaded ? hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) : 0; }
  void pinThisThread(int core) const {
    hwloc_obj_t object = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, unsigned(core));
    if (object) // a refused binding only costs speed
      hwloc_set_cpubind(topology, object->cpuset, HWLOC_CPUBIND_THREAD);
  }

private:
  hwloc_topology_t topology = nullptr;
  bool loaded = false;
};
} // namespace

static const Topology &machine() {
  static const Topology topology; // finding out takes milliseconds
  return topology;
}

static int allowedProcessors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

int availableCores() {
  int cores = machine().cores(), allowed = allowedProcessors();
  return std::max(1, cores > 0 ? std::min(cores, allowed) : allowed);
}

/// More threads than this only wait for one another.
static int mostThreads() { return std::max(64, 4 * allowedProcessors()); }

void checkThreadEnvironment() {
  const char *variable = std::getenv("OMP_NUM_THREADS");
  if (!variable)
    return;
  // A number, or a list of them for nested regions, of which the first counts here.
  std::string_view rest = variable;
  for (bool more = true; more;) {
    int threads = 0;
    while (!rest.empty() && rest.front() == ' ')
      rest.remove_prefix(1);
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), threads);
    rest.remove_prefix(size_t(end - rest.data()));
    while (!rest.empty() && rest.front() == ' ')
      rest.remove_prefix(1);
    more = rest.starts_with(',');
    if (error == std::errc() && threads >= 1 && threads <= mostThreads() && (more || rest.empty())) {
      rest.remove_prefix(more);
      continue;
    }
    note(text("OMP_NUM_THREADS is `", variable, "`, not a number from 1 to ", mostThreads(), ": it is not used"));
    unsetenv("OMP_NUM_THREADS");
    return;
  }
}

void removeOldRegistration() {
  // As __kmp_reg_status_name of libomp's kmp_runtime.cpp has it.
  std::string file = text("__KMP_REGISTERED_LIB_", getpid(), "_", getuid());
  for (const char *folder : {"/dev/shm/", "/tmp/"})
    unlink((folder + file).c_str());
}

/// Denormal numbers take a hundred cycles each and carry nothing that training needs.
static void flushDenormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040); // FTZ and DAZ
#elif defined(__aarch64__)
  uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  asm volatile("msr fpcr, %0" : : "r"(mode | (uint64_t(1) << 24) | (uint64_t(1) << 19))); // FZ and FZ16
#endif
}

/// Asks the system to save AMX tiles when it switches threads, without which their first use ends the process. Where
/// that is refused the compiler saw it too, and made no kernels with tiles.
static void requestTiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18; // asm/prctl.h, of newer kernels
  syscall(SYS_arch_prctl, kRequestPermission, kTileData);
#endif
}

int setUpThreads(int requested) {
  if (requested > mostThreads())
    fail(Exit::Usage, "--threads ", requested, " is too many: this machine has ", allowedProcessors(),
         " processors for it; at most ", mostThreads(), " are allowed");
  requestTiles();
  bool chosenByEnvironment = requested <= 0 && std::getenv("OMP_NUM_THREADS");
  int threads = requested > 0 ? requested : chosenByEnvironment ? omp_get_max_threads() : availableCores();
  bool pin = threads > 1 && threads == machine().cores() && threads <= allowedProcessors();
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
  // LLVM's OpenMP gives a team the mode of the thread that starts it on x86-64; elsewhere each thread keeps its own.
  flushDenormals();
#pragma omp parallel num_threads(threads)
  {
    flushDenormals();
    if (pin)
      machine().pinThisThread(omp_get_thread_num());
  }
  return threads;
}

} // namespace kinu::rt
