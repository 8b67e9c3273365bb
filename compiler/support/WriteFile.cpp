#include "compiler/support/WriteFile.h"

#include "llvm/Support/raw_ostream.h"

using namespace kinu;

llvm::Error kinu::writeFile(const std::string &path, llvm::function_ref<void(llvm::raw_ostream &)> print) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (!error) {
    print(stream);
    stream.flush();
    error = stream.error();
    stream.clear_error();
  }
  return error ? llvm::createFileError(path, error) : llvm::Error::success();
}

llvm::Error kinu::writeFile(const std::string &path, llvm::StringRef bytes) {
  return writeFile(path, [&](llvm::raw_ostream &os) { os << bytes; });
}
