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

} // namespace kinu
