// See Executor.h.
#include "runtime/Executor.h"

#include "runtime/Collectives.h"
#include "runtime/Failure.h"
#include "runtime/Messages.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>

namespace kinu::rt {

static int64_t roundUp(int64_t bytes) { return (bytes + 63) / 64 * 64; }

int64_t scratchPerThread(const KinuExecutable &executable) {
  int64_t largest = 0;
  for (int64_t i = 0; i < executable.numKernels; ++i)
    largest = std::max(largest, executable.kernels[i].scratchBytes);
  return roundUp(largest);
}

static void checkAbi(const KinuExecutable &executable, const Manifest &manifest) {
  if (executable.abiVersion != kKinuAbiVersion)
    fail(Exit::Internal, "the executable was compiled for ABI ", executable.abiVersion, ", its runtime has ABI ",
         kKinuAbiVersion, "; build it again");
  if (executable.arenaBytes != manifest.arenaBytes)
    fail(Exit::Internal, "the executable's arena is ", executable.arenaBytes, " bytes, its manifest says ",
         manifest.arenaBytes);
}

/// What to do when there is not so much memory: a smaller batch helps only where activations take most of it.
static std::string memoryHelp(const KinuExecutable &executable, const Manifest &manifest) {
  int64_t bytes = 0;
  const Variable *largest = nullptr;
  for (const Variable &variable : manifest.variables) {
    bytes += variable.bytes;
    if (isParameter(variable.role) && (!largest || variable.bytes > largest->bytes))
      largest = &variable;
  }
  if (bytes * 2 < executable.arenaBytes || !largest)
    return "; build with a smaller batch or more micro-batches";
  return text("; weights, gradients and the optimizer's state take ", formatBytes(bytes),
              " of it: build a smaller model (", formatBytes(largest->bytes), " are `", largest->name, "` alone)");
}

Executor::Executor(const KinuExecutable &executable, const Manifest &manifest, int threads, const Mesh &mesh)
    : executable((checkAbi(executable, manifest), executable)), ranks(mesh),
      scratchPerThread(rt::scratchPerThread(executable)),
      memory(roundUp(executable.arenaBytes) + threads * scratchPerThread, memoryHelp(executable, manifest)),
      team(threads) {
  for (int64_t p = 0; p < executable.numPrograms; ++p)
    makeBuffers(programs.emplace_back(Program{&executable.programs[p], {}}));
}

/// A run that failed leaves others waiting; MPI is ended then.
Executor::~Executor() {
  if (std::uncaught_exceptions() == 0)
    finishSends();
}

void Executor::makeBuffers(Program &program) {
  const KinuProgram &code = *program.code;
  size_t count = 0;
  bool usesStores = false;
  auto isInStore = [&](int64_t offset) {
    return offset >= executable.storeOffset && offset < executable.storeOffset + executable.storeBytes;
  };
  for (int64_t l = 0; l < code.numLaunches; ++l) {
    const KinuLaunch &launch = code.launches[l];
    count = std::max(count, size_t(launch.firstArgument) + size_t(launch.numArguments));
    for (int32_t i = 0; i < launch.numArguments; ++i)
      usesStores |= isInStore(code.offsets[launch.firstArgument + i]);
  }
  for (int64_t store = 0; store < (usesStores ? executable.stores : 1); ++store) {
    std::vector<void *> &buffers = program.buffers.emplace_back(count);
    for (size_t i = 0; i < count; ++i)
      buffers[i] = memory.data() + code.offsets[i] + (isInStore(code.offsets[i]) ? store * executable.storeBytes : 0);
  }
}

Executor::Program *Executor::find(std::string_view name) {
  for (Program &program : programs)
    if (name == program.code->name)
      return &program;
  return nullptr;
}

/// Whether a kernel takes longer than waking the team, a few microseconds: by its arithmetic or by its traffic.
static bool isWorthSplitting(const KinuKernel &kernel) {
  return kernel.tasks > 1 && (kernel.operations > 5e4 || kernel.bytes > 3e4);
}

void Executor::launch(const KinuKernel &kernel, void *const *buffers) {
  char *scratch = memory.data() + roundUp(executable.arenaBytes);
  if (team.size() == 1 || !isWorthSplitting(kernel)) {
    kernel.run(buffers, scratch, 0, kernel.tasks);
    return;
  }
  auto run = [&](int thread, int64_t begin, int64_t end) {
    kernel.run(buffers, scratch + thread * scratchPerThread, begin, end);
  };
  team.run(kernel.tasks, run);
}

void Executor::runIfPresent(std::string_view name, int64_t wanted) {
  Program *program = find(name);
  if (!program)
    return;
  size_t store = std::min(size_t(wanted), program->buffers.size() - 1);
  finishSends(*program, store);
  for (int64_t l = 0; l < program->code->numLaunches; ++l) {
    const KinuLaunch &next = program->code->launches[l];
    if (!sends.empty())
      pollSends();
    if (profile.empty()) {
      runNext(*program, store, next);
      continue;
    }
    auto start = std::chrono::steady_clock::now();
    runNext(*program, store, next);
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    KernelTime &time = next.kernel < 0 ? profile.back() : profile[size_t(next.kernel)];
    time.seconds += elapsed.count();
    ++time.launches;
  }
}

void Executor::runNext(const Program &program, size_t store, const KinuLaunch &next) {
  void *const *buffers = program.buffers[store].data() + next.firstArgument;
  if (next.kernel >= 0)
    return launch(executable.kernels[next.kernel], buffers);
  const KinuCollective &collective = executable.collectives[-1 - next.kernel];
  if (collective.kind == kKinuSend)
    sends.push_back({&program, store, startSend(collective, buffers[0], ranks)});
  else
    runCollective(collective, buffers, ranks);
}

/// MPI makes progress only when it is called.
void Executor::pollSends() {
  std::erase_if(sends, [](Send &send) {
    int done = 0;
    MPI_Test(&send.request, &done, MPI_STATUS_IGNORE);
    return done != 0;
  });
}

void Executor::finishSends(const Program &program, size_t store) {
  std::erase_if(sends, [&](Send &send) {
    if (send.program != &program || send.store != store)
      return false;
    MPI_Wait(&send.request, MPI_STATUS_IGNORE);
    return true;
  });
}

void Executor::finishSends() {
  for (Send &send : sends)
    MPI_Wait(&send.request, MPI_STATUS_IGNORE);
  sends.clear();
}

void Executor::run(std::string_view name, int64_t store) {
  if (!find(name))
    fail(Exit::Internal, "the executable has no program `", name, "`");
  runIfPresent(name, store);
}

double Executor::operations(std::string_view name) const {
  double sum = 0;
  for (const Program &program : programs)
    if (name == program.code->name)
      for (int64_t l = 0; l < program.code->numLaunches; ++l)
        if (program.code->launches[l].kernel >= 0)
          sum += executable.kernels[program.code->launches[l].kernel].operations;
  return sum;
}

void Executor::startProfile() { profile.assign(size_t(executable.numKernels) + 1, {}); }

void Executor::printProfile() const {
  std::vector<size_t> order(profile.size());
  double total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    total += profile[i].seconds;
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return profile[a].seconds > profile[b].seconds; });
  std::printf("%9s %6s %9s %8s %8s %7s  kernel\n", "seconds", "share", "launches", "Gflop/s", "GB/s", "tasks");
  const KinuKernel collectives{"(what ranks send one another)", nullptr, 1, 0, 0, 0};
  for (size_t i : order) {
    const KinuKernel &kernel = i < size_t(executable.numKernels) ? executable.kernels[i] : collectives;
    const KernelTime &time = profile[i];
    if (!time.launches)
      continue;
    double perSecond = 1e-9 * double(time.launches) / time.seconds;
    std::printf("%9.3f %5.1f%% %9ld %8.1f %8.1f %7ld  %s\n", time.seconds, 100 * time.seconds / total,
                long(time.launches), kernel.operations * perSecond, kernel.bytes * perSecond, long(kernel.tasks),
                kernel.name);
  }
}

} // namespace kinu::rt
