// main() of every training executable: parses the command line, starts MPI, runs the command, turns failures into
// messages and exit codes. The compiled model is the symbol `kinu_executable` it is linked with.
#include "runtime/Agreement.h"
#include "runtime/Commands.h"
#include "runtime/Failure.h"
#include "runtime/Generate.h"
#include "runtime/Signals.h"
#include "runtime/Threads.h"
#include "runtime/ShowPlacement.h"
#include "runtime/Train.h"
#include "runtime/Watchdog.h"

#include <csignal>
#include <cstdio>
#include <new>
#include <unistd.h>
#include <xxhash.h>

namespace kinu::rt {

/// The first rank speaks for all: what the others print goes nowhere, but for their errors, which go to the stream
/// that is returned.
static std::FILE *errorStream(const Mesh &mesh) {
  if (mesh.first() || !mesh.connected())
    return stderr;
  std::FILE *errors = fdopen(dup(STDERR_FILENO), "w");
  if (!std::freopen("/dev/null", "w", stdout) || !std::freopen("/dev/null", "w", stderr) || !errors)
    fail(Exit::Io, "cannot open /dev/null");
  return errors;
}

static Exit runCommand(const Run &run) {
  using Command = Options::Command;
  switch (run.options.command) {
  case Command::Train: return train(run);
  case Command::Eval: return evaluateCheckpoint(run);
  case Command::Generate: return generate(run);
  case Command::Profile: return profileSteps(run);
  case Command::Rehearse: return rehearseSteps(run);
  default: writeGradients(run);
  }
  return Exit::Done;
}

/// What the executable itself and its command line say: ranks may have been given different ones.
static std::vector<Fact> factsOf(const Manifest &manifest, const Options &options) {
  std::string layout;
  for (const Axis &axis : manifest.mesh)
    layout += (layout.empty() ? "" : " x ") + axis.name + " " + std::to_string(axis.length);
  std::string_view tables = kinu_executable.manifest;
  return {{"kinu", manifest.kinuVersion},
          {"spec", manifest.specHash},
          {"layout", layout},
          {"executable", text(std::hex, XXH3_64bits(tables.data(), tables.size()))},
          {"the command", options.commandName},
          {"--prompt", options.prompt},
          {"--tokens", text(options.tokens)}};
}

/// The tables of a stage of a pipeline.
static const KinuExecutable &executableOf(int64_t stage) {
  const KinuExecutable *executable = &kinu_executable;
  for (; stage > 0; --stage)
    executable = executable->next;
  return *executable;
}

/// A rank that fails alone takes the others with it: they would wait for it for ever.
static Exit runOnMesh(const Options &options, Manifest manifest) {
  Mesh mesh = options.playedRank ? Mesh(manifest.mesh, *options.playedRank) : Mesh(manifest.mesh);
  std::FILE *errors = errorStream(mesh);
  try {
    reportCrashes(mesh.rank(), errors);
    agreeOn(factsOf(manifest, options), mesh);
    const KinuExecutable &executable =
        executableOf(manifest.pipeline ? mesh.coordinate(manifest.pipeline->axis) : 0);
    if (&executable != &kinu_executable) {
      manifest = parseManifest(executable.manifest);
      applyOptions(options, manifest.train);
    }
    if (options.showPlacement)
      showPlacement(manifest, mesh);
    return runCommand({executable, options, std::move(manifest), mesh, errors});
  } catch (const std::exception &error) {
    if (mesh.ranks() == 1 || !mesh.connected())
      throw;
    auto *failure = dynamic_cast<const Failure *>(&error);
    bool memory = dynamic_cast<const std::bad_alloc *>(&error);
    mesh.abort(int(failure ? failure->code : memory ? Exit::Io : Exit::Internal), [&] {
      std::fprintf(errors, "error: rank %d: %s\n", mesh.rank(), error.what());
      std::fflush(errors);
    });
    throw;
  }
}

static Exit runWith(const Options &options, Manifest manifest) {
  applyOptions(options, manifest.train);
  if (options.command == Options::Command::Info) {
    printInfo({kinu_executable, options, std::move(manifest), Mesh::alone()});
    return Exit::Done;
  }
  installSignalHandlers();
  return runOnMesh(options, std::move(manifest));
}

static Exit mainWithFailures(int argc, char **argv) {
  Manifest manifest = parseManifest(kinu_executable.manifest);
  ParsedCommandLine parsed = parseCommandLine(argc, argv, manifest.model);
  if (!parsed.options)
    return Exit(parsed.exitCode);
  return runWith(*parsed.options, std::move(manifest));
}

} // namespace kinu::rt

int main(int argc, char **argv) {
  using namespace kinu::rt;
  std::signal(SIGXFSZ, SIG_IGN); // a file larger than the user's limit is an error of writing
  checkThreadEnvironment();
  removeOldRegistration();
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
