// See Arena.h.
#include "runtime/Arena.h"

#include "runtime/Failure.h"
#include "runtime/Messages.h"

#include <sys/mman.h>
#include <unistd.h>

namespace kinu::rt {

static constexpr int64_t hugePage = int64_t(2) << 20;

Arena::Arena(int64_t bytes, const std::string &help) : mappedBytes(bytes + hugePage) {
  // The system promises more memory than it has and kills whoever uses it: better to say so before the run.
  int64_t machineBytes = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (machineBytes > 0 && bytes > machineBytes)
    fail(Exit::Io, "the arena needs ", formatBytes(bytes), " of memory, this machine has ", formatBytes(machineBytes),
         help);
  mapping = mmap(nullptr, size_t(mappedBytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    fail(Exit::Io, "the arena needs ", formatBytes(bytes), " of memory, and the system has not got it", help);
  uintptr_t start = (reinterpret_cast<uintptr_t>(mapping) + hugePage - 1) / hugePage * hugePage;
  aligned = reinterpret_cast<char *>(start);
  madvise(aligned, size_t(bytes), MADV_HUGEPAGE); // only advice: without huge pages it runs, slower
}

Arena::~Arena() { munmap(mapping, size_t(mappedBytes)); }

} // namespace kinu::rt
