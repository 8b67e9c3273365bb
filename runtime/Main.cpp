// main() of every training executable: parses the command line, starts MPI, runs the command, turns failures into
// messages and exit codes. The compiled model is the symbol `kinu_executable` it is linked with.
#include "runtime/Commands.h"
#include "runtime/Failure.h"
#include "runtime/Generate.h"
#include "runtime/Signals.h"
#include "runtime/Threads.h"
#include "runtime/Train.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mpi.h>
#include <new>

namespace kinu::rt {

namespace {
/// MPI for as long as a command runs.
class MpiSession {
public:
  MpiSession() {
    // A lone process needs no daemon of Open MPI's beside it; launched processes do not read this.
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    MPI_Init(nullptr, nullptr);
    int ranks = 1, rank = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (ranks == 1)
      return;
    MPI_Finalize();
    fail(Exit::Mismatch, rank > 0 ? "" // one rank speaks for all
                                  : text("this executable trains on one rank, but ", ranks,
                                         " were started; start it with `mpirun -n 1` or without mpirun"));
  }
  ~MpiSession() { MPI_Finalize(); }
  MpiSession(const MpiSession &) = delete;
  MpiSession &operator=(const MpiSession &) = delete;
};
} // namespace

static Exit runCommand(const Options &options, Manifest manifest) {
  applyOptions(options, manifest.train);
  Run run{kinu_executable, options, std::move(manifest)};
  using Command = Options::Command;
  if (options.command == Command::Info) {
    printInfo(run);
    return Exit::Done;
  }
  installSignalHandlers();
  MpiSession mpi;
  switch (options.command) {
  case Command::Train: return train(run);
  case Command::Eval: return evaluateCheckpoint(run);
  case Command::Generate: return generate(run);
  default: writeGradients(run);
  }
  return Exit::Done;
}

static Exit mainWithFailures(int argc, char **argv) {
  Manifest manifest = parseManifest(kinu_executable.manifest);
  ParsedCommandLine parsed = parseCommandLine(argc, argv, manifest.model);
  if (!parsed.options)
    return Exit(parsed.exitCode);
  return runCommand(*parsed.options, std::move(manifest));
}

} // namespace kinu::rt

int main(int argc, char **argv) {
  using namespace kinu::rt;
  std::signal(SIGXFSZ, SIG_IGN); // a file larger than the user's limit is an error of writing
  checkThreadEnvironment();
  Exit code = Exit::Internal;
  std::string message;
  try {
    code = mainWithFailures(argc, argv);
  } catch (const Failure &failure) {
    code = failure.code;
    message = failure.what();
  } catch (const std::bad_alloc &) {
    code = Exit::Io;
    message = "out of memory";
  } catch (const std::exception &error) {
    message = std::string("internal error: ") + error.what();
  }
  // What was printed has to be out, too.
  if (code == Exit::Done && (std::fflush(stdout) || std::ferror(stdout))) {
    code = Exit::Io;
    message = "cannot write to standard output";
  }
  if (!message.empty())
    std::fprintf(stderr, "%s%s\n", code == Exit::Stopped ? "" : "error: ", message.c_str());
  return int(code);
}
