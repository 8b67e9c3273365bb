// Runs compiled programs: walks launch lists over the arena and splits each kernel's tasks over the threads.
#pragma once

#include "runtime/Abi.h"
#include "runtime/Arena.h"
#include "runtime/Manifest.h"
#include "runtime/Mesh.h"
#include "runtime/Requests.h"
#include "runtime/Sleeper.h"
#include "runtime/Team.h"
#include "runtime/Trace.h"

#include <string_view>
#include <vector>

namespace kinu::rt {

/// What all launches of a kernel took together.
struct KernelTime {
  double seconds = 0;
  double fastest = 0; ///< launch
  int64_t launches = 0;
};

/// The executable with its memory. Everything is allocated by the constructor, nothing while a program runs.
class Executor {
public:
  /// Throws Failure: Exit::Internal if the executable does not fit this runtime, Exit::Io if memory is short.
  Executor(const KinuExecutable &executable, const Manifest &manifest, int threads, const Mesh &mesh = Mesh::alone());
  ~Executor();

  /// Runs the launches of `program` over one of the stores that a stage of a pipeline has for micro-batches under way.
  /// Results do not depend on the number of threads.
  void run(std::string_view program, int64_t store = 0);
  /// Says what runs after the next run. What it receives may come while the next one computes, as soon as that does not
  /// use the memory any more.
  void expect(std::string_view program, int64_t store) { expected = {find(program), store}; }
  /// Like run, but does nothing if the executable has no such program.
  void runIfPresent(std::string_view program, int64_t store = 0);
  /// Waits until all that was sent to neighbours has left.
  void finishSends();

  char *arena() const { return memory.data(); }
  template <class T> T *at(const Buffer &buffer) const { return reinterpret_cast<T *>(arena() + buffer.offset); }
  /// Floating-point operations of one run of `program`, from the kernels' own counts; 0 if there is none.
  double operations(std::string_view program) const;
  const Mesh &mesh() const { return ranks; }
  int threadCount() const { return team.size(); }
  int64_t scratchBytes() const { return scratchPerThread * team.size(); }

  /// From now on, measures every launch. What was measured before is forgotten.
  void startProfile();
  /// What was measured since, by kernels, as the executable lists them; what ranks send one another is the last.
  std::vector<KernelTime> profile() const;
  /// From now on, launches sleep for so many seconds, by kernel, and compute nothing; messages are sent as ever.
  void sleepInstead(std::vector<double> seconds) { naps = std::move(seconds); }
  /// What ranks send one another, but for what stages of pipelines send.
  Requests &requests() { return collectives; }
  /// From now on, records launches in a trace that outlives the executor's programs; null: no longer.
  void record(Trace *into) { trace = into; }

private:
  struct Program {
    const KinuProgram *code;
    /// arena + offset for every argument of every launch; for each store if the program uses stores
    std::vector<std::vector<void *>> buffers;
    std::vector<size_t> sent;                   ///< which of `buffers` it sends from
    std::vector<const KinuLaunch *> receptions; ///< its kKinuReceives that may begin before it runs
  };
  struct Send {
    const void *buffer; ///< not to be written to before it has left
    MPI_Request request;
  };
  /// A run that is expected.
  struct Run {
    Program *program = nullptr;
    int64_t store = 0;
  };
  Program *find(std::string_view program);
  size_t storeOf(const Program &program, int64_t wanted) const;
  void makeBuffers(Program &program);
  bool isMessage(const KinuLaunch &launch, KinuCollectiveKind kind) const;
  int64_t lastUse(const Program &program, size_t store, const Run &next) const;
  void receiveAhead(const Run &next);
  void finishSends(const Program &program, size_t store);
  void poll();
  void runNext(const Program &program, size_t store, const KinuLaunch &launch);
  void runMeasured(const Program &program, size_t store, const KinuLaunch &launch);
  void launch(const KinuKernel &kernel, void *const *buffers);
  /// Whether MPI is to be called now and then.
  bool mustPoll() const { return !sends.empty() || collectives.anyUnderWay(); }

  const KinuExecutable &executable;
  const Mesh &ranks;
  int64_t scratchPerThread;
  Arena memory;
  Team team;
  std::vector<Program> programs; ///< never changed once all are made
  std::vector<Send> sends;       ///< under way
  Requests collectives;
  Run expected;                  ///< after the next run
  std::vector<KernelTime> times; ///< one per kernel, and one for all collectives; empty when not measuring
  Trace *trace = nullptr;
  std::vector<double> naps; ///< of each kernel; empty when computing
  Sleeper sleeper;
};

/// Bytes of scratch each thread needs for the kernels of `executable`, rounded up to whole cache lines.
int64_t scratchPerThread(const KinuExecutable &executable);

} // namespace kinu::rt
