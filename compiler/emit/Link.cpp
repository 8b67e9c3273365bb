// Links a training executable with clang and lld, for this machine or, with the arm64 sysroot, for A64FX.
#include "compiler/emit/Executable.h"
#include "compiler/support/WriteFile.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <csignal>
#include <cstring>
#include <dirent.h>
#include <unistd.h>

using namespace kinu::emit;
using kinu::EnvironmentError;
using kinu::machines::Machine;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

static std::string inFolder(llvm::StringRef folder, const llvm::Twine &rest) {
  llvm::SmallString<128> result(folder);
  path::append(result, rest);
  return result.str().str();
}

/// The folder that holds bin/ with this compiler: the build folder, or where it was installed.
static std::string prefixFolder() {
  std::string self = fs::getMainExecutable(nullptr, nullptr);
  return path::parent_path(path::parent_path(self)).str();
}

static bool isCrossLink(const Machine &machine) {
  return llvm::Triple(machine.triple).getArch() != llvm::Triple(llvm::sys::getProcessTriple()).getArch();
}

static llvm::Expected<std::string> findSysroot() {
  auto set = llvm::sys::Process::GetEnv("KINU_SYSROOT");
  std::string folder = set ? *set : inFolder(prefixFolder(), "sysroot-arm64");
  if (fs::exists(inFolder(folder, "complete")))
    return folder;
  return llvm::make_error<EnvironmentError>("there is no arm64 sysroot in `" + folder +
                                            "`\n help: make it with `runtime/sysroot/make.sh`, or name one in "
                                            "KINU_SYSROOT");
}

static llvm::Expected<std::string> findRuntime(const LinkOptions &options, llvm::StringRef sysroot) {
  std::string folder = options.runtimeFolder;
  if (auto set = llvm::sys::Process::GetEnv("KINU_RUNTIME_DIR"); folder.empty() && set)
    folder = *set;
  if (folder.empty())
    folder = sysroot.empty() ? inFolder(prefixFolder(), "lib") : inFolder(sysroot, "kinu/lib");
  std::string library = inFolder(folder, "libKinuRuntime.a");
  if (fs::exists(library))
    return library;
  return llvm::make_error<EnvironmentError>(
      "there is no runtime `" + library +
      "`\n help: " + (sysroot.empty() ? "build the target KinuRuntime" : "run `runtime/sysroot/make.sh`") +
      ", or name its folder in KINU_RUNTIME_DIR");
}

/// What finds Debian's arm64 libraries from the host: Open MPI and GCC keep theirs outside the usual folders.
static std::vector<std::string> crossArguments(const Machine &machine, const std::string &sysroot) {
  std::string gcc = inFolder(sysroot, "usr/lib/gcc/aarch64-linux-gnu/12");
  return {"--target=aarch64-linux-gnu",
          "-mcpu=" + machine.cpu,
          "--sysroot=" + sysroot,
          "-B" + gcc,
          "-L" + gcc,
          "-L" + inFolder(sysroot, "usr/lib/aarch64-linux-gnu/openmpi/lib")};
}

namespace {
/// What a link leaves when it is interrupted: the linker, its output and a folder of files. While this lives, a signal
/// that ends the compiler ends and removes them.
class Interrupted {
public:
  Interrupted(llvm::StringRef folder, llvm::StringRef output)
      : folder(strdup(folder.str().c_str())), output(strdup(output.str().c_str())) {
    current = this;
    llvm::sys::SetInterruptFunction([] { current->cleanUp(); });
  }
  ~Interrupted() {
    llvm::sys::SetInterruptFunction(nullptr);
    current = nullptr;
    free(folder);
    free(output);
  }
  Interrupted(const Interrupted &) = delete;

  static void setLinker(pid_t group) { linker = group; }

private:
  /// Runs in a signal handler, on what is allocated already.
  [[noreturn]] void cleanUp() {
    if (linker > 0)
      kill(-linker, SIGKILL);
    unlink(output);
    if (DIR *open = opendir(folder)) {
      while (dirent *entry = readdir(open))
        unlinkat(dirfd(open), entry->d_name, 0);
      rmdir(folder);
    }
    _exit(128 + SIGTERM);
  }

  static inline Interrupted *current = nullptr;
  static inline volatile pid_t linker = 0; ///< its process group; 0: none runs
  char *folder, *output;
};
} // namespace

/// Runs a program; if it fails, the error holds its command line and everything it printed.
static llvm::Error runProgram(llvm::StringRef program, const std::vector<std::string> &arguments, bool verbose,
                              llvm::StringRef printedFile) {
  auto found = llvm::sys::findProgramByName(program);
  if (!found)
    return llvm::make_error<EnvironmentError>("`" + program.str() +
                                              "` is not installed, and it links executables\n help: install the "
                                              "package `clang-22`, or put the program into PATH");
  std::string commandLine = program.str() + " " + llvm::join(arguments, " ");
  if (verbose)
    llvm::errs() << commandLine << "\n";
  std::vector<llvm::StringRef> words(arguments.begin(), arguments.end());
  words.insert(words.begin(), program);
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), printedFile, printedFile};
  std::string message;
  // In a group of its own, with the programs that it runs.
  llvm::sys::ProcessInfo started = llvm::sys::ExecuteNoWait(*found, words, std::nullopt, redirects, 0, &message,
                                                            nullptr, nullptr, /*DetachProcess=*/true);
  Interrupted::setLinker(started.Pid);
  int code = started.Pid ? llvm::sys::Wait(started, std::nullopt, &message).ReturnCode : -1;
  Interrupted::setLinker(0);
  if (code == 0)
    return llvm::Error::success();
  auto printed = llvm::MemoryBuffer::getFile(printedFile);
  return llvm::make_error<EnvironmentError>("linking failed (exit code " + std::to_string(code) + "): " + commandLine +
                                            "\n" + message + (printed ? (*printed)->getBuffer().str() : "") +
                                            " help: the packages it needs are in README.md");
}

static uint64_t sizeOf(const std::string &file) {
  uint64_t size = 0;
  return fs::file_size(file, size) ? 0 : size;
}

/// Why a file of so many bytes cannot be written beside `output`, if it cannot. The linker maps its output into memory,
/// so a full disk is a signal that kills it, and it has no words for it.
static llvm::Error checkRoom(const std::string &output, uint64_t bytes) {
  std::string probe = kinu::nameBeside(output);
  llvm::Error error = kinu::writeFile(probe, [&](llvm::raw_ostream &os) { os.write_zeros(bytes); });
  fs::remove(probe);
  return llvm::handleErrors(std::move(error), [&](const llvm::FileError &reason) -> llvm::Error {
    return llvm::createFileError(output, reason.convertToErrorCode());
  });
}

/// Writes the objects to `folder` and returns a response file that lists them: there may be more than a command line
/// can hold.
static llvm::Expected<std::string> writeObjects(const std::vector<std::string> &kernelObjects,
                                                const std::string &tables, llvm::StringRef folder) {
  std::string list;
  auto add = [&](const llvm::Twine &name, const std::string &bytes) -> llvm::Error {
    std::string file = inFolder(folder, name);
    list += "\"" + file + "\"\n";
    return kinu::writeFile(file, bytes);
  };
  if (llvm::Error error = add("tables.o", tables))
    return error;
  for (size_t index = 0; index < kernelObjects.size(); ++index)
    if (llvm::Error error = add("kernel" + llvm::Twine(index) + ".o", kernelObjects[index]))
      return error;
  std::string response = inFolder(folder, "objects.txt");
  if (llvm::Error error = kinu::writeFile(response, list))
    return error;
  return response;
}

llvm::Error kinu::emit::linkExecutable(const std::vector<std::string> &kernelObjects, llvm::ArrayRef<Executable> stages,
                                       const Machine &machine, const std::string &output, const LinkOptions &options) {
  std::string sysroot;
  if (isCrossLink(machine)) {
    auto found = findSysroot();
    if (!found)
      return found.takeError();
    sysroot = *found;
  }
  auto runtime = findRuntime(options, sysroot);
  if (!runtime)
    return runtime.takeError();
  auto tables = compileTables(stages, machine);
  if (!tables)
    return tables.takeError();

  llvm::SmallString<128> folder;
  if (std::error_code error = fs::createUniqueDirectory("kinu-link", folder)) {
    llvm::SmallString<128> temporary;
    path::system_temp_directory(/*ErasedOnReboot=*/true, temporary);
    return llvm::make_error<EnvironmentError>("cannot make a folder for temporary files in `" + temporary.str().str() +
                                              "`: " + error.message() + "\n help: name another in TMPDIR");
  }
  llvm::scope_exit removeFolder([&] { fs::remove_directories(folder); });
  // Devices and pipes are written through. A file is made aside, so that what was there stays until the new one is
  // whole.
  bool writeThrough = output == "-" || kinu::isSpecialFile(output);
  std::string target = kinu::followLinks(output);
  std::string linked = writeThrough ? inFolder(folder, "linked") : kinu::nameBeside(target);
  llvm::scope_exit removeLinked([&] { fs::remove(linked); });
  Interrupted interrupted(folder, linked);
  auto response = writeObjects(kernelObjects, *tables, folder);
  if (!response)
    return response.takeError();

  std::vector<std::string> arguments = {"-fuse-ld=lld", "-o",       linked,
                                        "-O2",          "-fopenmp", "-Wl,--gc-sections,--as-needed"};
  if (!sysroot.empty())
    llvm::append_range(arguments, crossArguments(machine, sysroot));
  llvm::append_range(arguments,
                     std::vector<std::string>{"@" + *response, *runtime, "-lsentencepiece_train", "-lsentencepiece",
                                              "-lmpi", "-lhwloc", "-lxxhash", "-lpthread"});
  llvm::Error failed = runProgram("clang++-22", arguments, options.verbose, inFolder(folder, "printed.txt"));
  if (!failed && writeThrough) {
    auto bytes = llvm::MemoryBuffer::getFile(linked, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    return bytes ? kinu::writeFile(output, (*bytes)->getBuffer()) : llvm::createFileError(linked, bytes.getError());
  }
  if (!failed) {
    std::error_code error = fs::rename(linked, target);
    return error ? llvm::createFileError(output, error) : llvm::Error::success();
  }
  uint64_t bytes = tables->size();
  for (const std::string &object : kernelObjects)
    bytes += object.size();
  if (llvm::Error error = checkRoom(writeThrough ? linked : target, bytes + sizeOf(*runtime))) {
    llvm::consumeError(std::move(failed));
    return error;
  }
  return failed;
}
