// Writing files such that a full disk is an error, which raw_fd_ostream by itself takes for a reason to abort.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <string>

namespace kinu {

/// Writes what `print` prints to the file `path`, or to standard output if that is `-`. Fails with a FileError, which
/// is how the pipeline tells an exit code of 106 from a bug.
llvm::Error writeFile(const std::string &path, llvm::function_ref<void(llvm::raw_ostream &)> print);

/// The same with bytes that are there already.
llvm::Error writeFile(const std::string &path, llvm::StringRef bytes);

/// The same such that a reader, or a full disk, sees the old file or the new one whole. Links are followed and the
/// file's permissions kept.
llvm::Error replaceFile(const std::string &path, llvm::StringRef bytes);

/// Where writing to `path` ends up: what it links to, if it is a symbolic link.
std::string followLinks(const std::string &path);

/// A name beside `path` for what is to take its place once it is whole.
std::string nameBeside(const std::string &path);

/// Whether there is something at `path` that a new file must not take the place of: a device, a fifo, a socket.
bool isSpecialFile(const std::string &path);

/// What is missing on the machine, in words that say what to do: neither the user's spec nor Kinu is at fault.
class EnvironmentError : public llvm::ErrorInfo<EnvironmentError> {
public:
  static char ID;
  explicit EnvironmentError(std::string text) : text(std::move(text)) {}
  void log(llvm::raw_ostream &os) const override { os << text; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

private:
  std::string text;
};

} // namespace kinu
