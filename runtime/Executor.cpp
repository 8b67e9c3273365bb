// See Executor.h.
#include "runtime/Executor.h"

#include "runtime/Failure.h"
#include "runtime/Messages.h"
#include "runtime/Position.h"
#include "runtime/Sharing.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <utility>

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
      team(threads), collectives(mesh) {
  for (int64_t p = 0; p < executable.numPrograms; ++p)
    makeBuffers(programs.emplace_back(Program{&executable.programs[p], {}, {}, {}}));
}

/// A run that failed leaves others waiting; MPI is ended then.
Executor::~Executor() {
  if (std::uncaught_exceptions() == 0)
    finishSends();
}

bool Executor::isMessage(const KinuLaunch &launch, KinuCollectiveKind kind) const {
  return launch.kernel < 0 && executable.collectives[-1 - launch.kernel].kind == kind;
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
    if (isMessage(launch, kKinuSend))
      program.sent.push_back(size_t(launch.firstArgument));
    if (isMessage(launch, kKinuReceive) && executable.collectives[-1 - launch.kernel].slot >= 0)
      program.receptions.push_back(&launch);
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

void Executor::launch(const KinuKernel &kernel, void *const *buffers) {
  char *scratch = memory.data() + roundUp(executable.arenaBytes);
  bool isLong = isWorthSplitting(kernel.tasks, kernel.operations, kernel.bytes), polls = isLong && mustPoll();
  if (!isLong || (team.size() == 1 && !polls)) {
    kernel.run(buffers, scratch, 0, kernel.tasks);
    return;
  }
  // The main thread is the one that may call MPI; it asks between its pieces.
  auto run = [&](int thread, int64_t begin, int64_t end) {
    kernel.run(buffers, scratch + thread * scratchPerThread, begin, end);
    if (polls && thread == 0)
      poll();
  };
  team.run(kernel.tasks, run);
}

void Executor::runIfPresent(std::string_view name, int64_t wanted) {
  Program *program = find(name);
  if (!program)
    return;
  position.program.store(program->code->name, std::memory_order_relaxed);
  size_t store = storeOf(*program, wanted);
  finishSends(*program, store);
  Run next = std::exchange(expected, {});
  int64_t use = next.program ? lastUse(*program, store, next) : program->code->numLaunches;
  if (use < 0)
    receiveAhead(next);
  for (int64_t l = 0; l < program->code->numLaunches; ++l) {
    const KinuLaunch &launch = program->code->launches[l];
    position.launch.store(&launch, std::memory_order_relaxed);
    if (mustPoll())
      poll();
    if (!times.empty() || (trace && trace->active()))
      runMeasured(*program, store, launch);
    else
      runNext(*program, store, launch);
    if (l == use)
      receiveAhead(next);
  }
  position.launch.store(nullptr, std::memory_order_relaxed);
}

size_t Executor::storeOf(const Program &program, int64_t wanted) const {
  return std::min(size_t(wanted), program.buffers.size() - 1);
}

/// The last launch of a run that has to do with memory into which the next one receives, or that receives, since
/// messages come in the order in which they are awaited; -1 if there is none.
int64_t Executor::lastUse(const Program &program, size_t store, const Run &next) const {
  const std::vector<void *> &own = program.buffers[store],
                            &others = next.program->buffers[storeOf(*next.program, next.store)];
  for (int64_t l = program.code->numLaunches - 1; l >= 0; --l) {
    const KinuLaunch &launch = program.code->launches[l];
    auto begin = own.begin() + launch.firstArgument, end = begin + launch.numArguments;
    auto receivesThere = [&](const KinuLaunch *reception) {
      return std::find(begin, end, others[size_t(reception->firstArgument)]) != end;
    };
    if (isMessage(launch, kKinuReceive) ||
        std::any_of(next.program->receptions.begin(), next.program->receptions.end(), receivesThere))
      return l;
  }
  return -1;
}

void Executor::receiveAhead(const Run &next) {
  for (const KinuLaunch *reception : next.program->receptions)
    collectives.receiveAhead(
        executable.collectives[-1 - reception->kernel],
        next.program->buffers[storeOf(*next.program, next.store)][size_t(reception->firstArgument)]);
}

void Executor::runNext(const Program &program, size_t store, const KinuLaunch &next) {
  void *const *buffers = program.buffers[store].data() + next.firstArgument;
  if (next.kernel >= 0 && !naps.empty())
    return sleeper.spend(naps[size_t(next.kernel)], [&] { poll(); });
  if (!naps.empty())
    sleeper.catchUp();
  if (next.kernel >= 0)
    return launch(executable.kernels[next.kernel], buffers);
  const KinuCollective &collective = executable.collectives[-1 - next.kernel];
  if (isMessage(next, kKinuSend)) {
    if (ranks.connected())
      sends.push_back({buffers[0], startSend(collective, buffers[0], ranks)});
    return;
  }
  collectives.run(collective, buffers, program.code->name);
  sleeper.restart();
}

void Executor::runMeasured(const Program &program, size_t store, const KinuLaunch &next) {
  auto start = std::chrono::steady_clock::now();
  runNext(program, store, next);
  auto end = std::chrono::steady_clock::now();
  if (trace)
    trace->add(next.label, next.kernel < 0 ? "message" : executable.kernels[next.kernel].name, start, end);
  if (times.empty())
    return;
  std::chrono::duration<double> elapsed = end - start;
  KernelTime &time = next.kernel < 0 ? times.back() : times[size_t(next.kernel)];
  time.seconds += elapsed.count();
  time.fastest = time.launches ? std::min(time.fastest, elapsed.count()) : elapsed.count();
  ++time.launches;
}

/// MPI makes progress only when it is called.
void Executor::poll() {
  collectives.poll();
  std::erase_if(sends, [](Send &send) {
    int done = 0;
    MPI_Test(&send.request, &done, MPI_STATUS_IGNORE);
    return done != 0;
  });
}

/// A program and its copy for the last micro-batch send from the same memory.
void Executor::finishSends(const Program &program, size_t store) {
  std::erase_if(sends, [&](Send &send) {
    bool isOfProgram = std::any_of(program.sent.begin(), program.sent.end(),
                                   [&](size_t i) { return program.buffers[store][i] == send.buffer; });
    if (isOfProgram)
      ranks.finish(send.request);
    return isOfProgram;
  });
}

void Executor::finishSends() {
  for (Send &send : sends)
    ranks.finish(send.request);
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

void Executor::startProfile() { times.assign(size_t(executable.numKernels) + 1, {}); }

std::vector<KernelTime> Executor::profile() const { return times; }

} // namespace kinu::rt
