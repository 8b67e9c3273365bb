// See Outputs.h.
#include "compiler/Outputs.h"

#include "compiler/ExitCodes.h"
#include "compiler/support/WriteFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

#include <glob.h>

namespace fs = llvm::sys::fs;
using namespace kinu;

int kinu::reportUnreadable(const PipelineOptions &options, const std::string &message) {
  if (!options.json) {
    llvm::errs() << "error: " << message << '\n';
    return kIoError;
  }
  llvm::errs() << llvm::json::Value(llvm::json::Object{{"severity", "error"},
                                                       {"id", "unreadable-file"},
                                                       {"message", llvm::json::fixUTF8(message)},
                                                       {"file", llvm::json::fixUTF8(options.spec)}})
               << '\n';
  return kIoError;
}

int kinu::reportUnwritten(llvm::Error error) {
  if (!error)
    return kOk;
  llvm::errs() << "error: cannot write " << llvm::toString(std::move(error)) << '\n';
  return kIoError;
}

void Outputs::protect(const typed::TrainConfig &training) {
  auto add = [&](const std::string &pattern) {
    glob_t found = {};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
      trainingFiles.insert(trainingFiles.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
  };
  llvm::for_each(training.files, add);
  llvm::for_each(training.validationFiles, add);
  add(training.tokenizer);
}

bool Outputs::replacesInput(const std::string &path) const {
  std::vector<std::string> inputs;
  for (FileId file = 0; file < sources.size(); ++file)
    inputs.push_back(sources.name(file).str());
  inputs.insert(inputs.end(), trainingFiles.begin(), trainingFiles.end());
  auto same = llvm::find_if(inputs, [&](const std::string &input) { return fs::equivalent(input, path); });
  if (same == inputs.end())
    return false;
  llvm::errs() << "error: the output `" << path << "` would replace `" << *same
               << "`, which is read\n help: name another place with -o\n";
  return true;
}

int Outputs::write(const std::string &path, Printer print) const {
  return replacesInput(path) ? kUsage : reportUnwritten(writeFile(path, print));
}

/// Why no file can be made at `path`, if none can.
static std::error_code placeError(const std::string &path) {
  if (fs::is_directory(path))
    return std::make_error_code(std::errc::is_a_directory);
  if (path == "-" || isSpecialFile(path))
    return {};
  std::string target = followLinks(path);
  llvm::StringRef folder = llvm::sys::path::parent_path(target);
  return fs::access(folder.empty() ? "." : folder, fs::AccessMode::Write);
}

int Outputs::checkPlace(const std::string &path) const {
  if (std::error_code error = placeError(path)) {
    llvm::errs() << "error: cannot write '" << path << "': " << error.message() << '\n';
    return kIoError;
  }
  return replacesInput(path) ? kUsage : kOk;
}

std::string Outputs::snapshotFile(Stage stage, llvm::StringRef suffix) const {
  return llvm::formatv("{0}/{1,0+2}-{2}.{3}", options.dumpFolder, static_cast<int>(stage) + 1, name(stage), suffix);
}

int Outputs::snapshot(Stage stage, Printer print) const {
  if (options.dumpFolder.empty())
    return kOk;
  fs::create_directories(options.dumpFolder); // where that fails, so does writing there
  return write(snapshotFile(stage, stage <= Stage::Check ? "txt" : "mlir"), print);
}
