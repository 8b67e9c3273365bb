#include "compiler/support/WriteFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <filesystem>
#include <unistd.h>

using namespace kinu;
namespace fs = llvm::sys::fs;

char EnvironmentError::ID = 0;

/// Prints to a stream that is open, or could not be opened, and closes it.
static std::error_code print(llvm::raw_fd_ostream &stream, std::error_code error,
                             llvm::function_ref<void(llvm::raw_ostream &)> print) {
  if (!error) {
    print(stream);
    stream.flush();
    error = stream.error();
    stream.clear_error();
  }
  return error;
}

llvm::Error kinu::writeFile(const std::string &path, llvm::function_ref<void(llvm::raw_ostream &)> printer) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  error = print(stream, error, printer);
  return error ? llvm::createFileError(path, error) : llvm::Error::success();
}

llvm::Error kinu::writeFile(const std::string &path, llvm::StringRef bytes) {
  return writeFile(path, [&](llvm::raw_ostream &os) { os << bytes; });
}

llvm::Error kinu::replaceFile(const std::string &path, llvm::StringRef bytes) {
  std::string target = followLinks(path);
  if (isSpecialFile(target))
    return writeFile(target, bytes);
  auto mode = fs::getPermissions(target);
  int file = -1;
  std::string aside = nameBeside(target);
  std::error_code error = fs::openFileForWrite(aside, file, fs::CD_CreateNew, fs::OF_None,
                                               mode ? unsigned(*mode) : unsigned(fs::all_read | fs::all_write));
  if (error)
    return llvm::createFileError(path, error);
  llvm::sys::RemoveFileOnSignal(aside);
  llvm::raw_fd_ostream stream(file, /*shouldClose=*/true);
  error = print(stream, error, [&](llvm::raw_ostream &os) { os << bytes; });
  if (!error)
    error = fs::rename(aside, target);
  if (error)
    fs::remove(aside);
  llvm::sys::DontRemoveFileOnSignal(aside);
  return error ? llvm::createFileError(path, error) : llvm::Error::success();
}

std::string kinu::followLinks(const std::string &path) {
  std::filesystem::path target = path;
  std::error_code error;
  constexpr int mostLinks = 40; // as the system has it; a circle is an error of opening
  for (int links = 0; links < mostLinks && fs::is_symlink_file(target.string()); ++links)
    target = target.parent_path() / std::filesystem::read_symlink(target, error); // an absolute one replaces the folder
  return target.string();
}

std::string kinu::nameBeside(const std::string &path) { return path + "." + std::to_string(getpid()) + ".partial"; }

bool kinu::isSpecialFile(const std::string &path) {
  fs::file_status status;
  return !fs::status(path, status) && fs::exists(status) && status.type() != fs::file_type::regular_file;
}
