// Links a training executable with clang and lld, for this machine or, with the arm64 sysroot, for A64FX.
#include "compiler/emit/Executable.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace kinu::emit;
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
  return llvm::createStringError("there is no arm64 sysroot in " + folder +
                                 "\nhelp: make it with `runtime/sysroot/make.sh`, or name one in KINU_SYSROOT");
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
  return llvm::createStringError("the runtime is missing: " + library + "\nhelp: " +
                                 (sysroot.empty() ? "build the target KinuRuntime" : "run `runtime/sysroot/make.sh`") +
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

/// Runs a program; if it fails, the error holds its command line and everything it printed.
static llvm::Error runProgram(llvm::StringRef program, const std::vector<std::string> &arguments, bool verbose,
                              llvm::StringRef outputFile) {
  auto found = llvm::sys::findProgramByName(program);
  if (!found)
    return llvm::createStringError("`" + program + "` is not installed: it links the executable");
  std::string commandLine = program.str() + " " + llvm::join(arguments, " ");
  if (verbose)
    llvm::errs() << commandLine << "\n";
  std::vector<llvm::StringRef> words(arguments.begin(), arguments.end());
  words.insert(words.begin(), program);
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), outputFile, outputFile};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(*found, words, std::nullopt, redirects, 0, 0, &message);
  if (code == 0)
    return llvm::Error::success();
  auto printed = llvm::MemoryBuffer::getFile(outputFile);
  return llvm::createStringError("linking failed (exit code " + std::to_string(code) + "): " + commandLine + "\n" +
                                 message + (printed ? (*printed)->getBuffer().str() : ""));
}

static llvm::Error writeFile(const std::string &file, llvm::StringRef bytes) {
  std::error_code error;
  llvm::raw_fd_ostream stream(file, error);
  if (!error) {
    stream << bytes;
    stream.flush();
    error = stream.error();
    stream.clear_error();
  }
  return error ? llvm::createStringError(error, "cannot write " + file + ": " + error.message())
               : llvm::Error::success();
}

/// Writes the objects to `folder` and returns a response file that lists them: there may be more than a command line
/// can hold.
static llvm::Expected<std::string> writeObjects(const std::vector<std::string> &kernelObjects,
                                                const std::string &tables, llvm::StringRef folder) {
  std::string list;
  auto add = [&](const llvm::Twine &name, const std::string &bytes) -> llvm::Error {
    std::string file = inFolder(folder, name);
    list += "\"" + file + "\"\n";
    return writeFile(file, bytes);
  };
  if (llvm::Error error = add("tables.o", tables))
    return error;
  for (size_t index = 0; index < kernelObjects.size(); ++index)
    if (llvm::Error error = add("kernel" + llvm::Twine(index) + ".o", kernelObjects[index]))
      return error;
  std::string response = inFolder(folder, "objects.txt");
  if (llvm::Error error = writeFile(response, list))
    return error;
  return response;
}

llvm::Error kinu::emit::linkExecutable(const std::vector<std::string> &kernelObjects, const Executable &executable,
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
  auto tables = compileTables(executable, machine);
  if (!tables)
    return tables.takeError();

  llvm::SmallString<128> folder;
  if (std::error_code error = fs::createUniqueDirectory("kinu-link", folder))
    return llvm::createStringError(error, "cannot make a temporary folder: " + error.message());
  llvm::scope_exit removeFolder([&] { fs::remove_directories(folder); });
  auto response = writeObjects(kernelObjects, *tables, folder);
  if (!response)
    return response.takeError();

  std::vector<std::string> arguments = {"-fuse-ld=lld", "-o",       output,
                                        "-O2",          "-fopenmp", "-Wl,--gc-sections,--as-needed"};
  if (!sysroot.empty())
    llvm::append_range(arguments, crossArguments(machine, sysroot));
  llvm::append_range(arguments,
                     std::vector<std::string>{"@" + *response, *runtime, "-lsentencepiece_train", "-lsentencepiece",
                                              "-lmpi", "-lhwloc", "-lxxhash", "-lpthread"});
  return runProgram("clang++-22", arguments, options.verbose, inFolder(folder, "output.txt"));
}
