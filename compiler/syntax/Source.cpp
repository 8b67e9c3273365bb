// Source files: reading, lines and columns.
#include "compiler/syntax/Source.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/ErrorOr.h"
#include "llvm/Support/Unicode.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kinu {

SourceRange cover(SourceRange first, SourceRange last) {
  return {first.file, std::min(first.begin, last.begin), std::max(first.end, last.end)};
}

FileId SourceMap::addText(std::string name, std::string text) {
  File file{std::move(name), std::move(text), {0}};
  for (size_t offset = 0; offset < file.text.size(); ++offset)
    if (file.text[offset] == '\n')
      file.lineStarts.push_back(offset + 1);
  files.push_back(std::move(file));
  return files.size() - 1;
}

/// The bytes of a regular file. Opening is non-blocking, for a fifo would wait for a writer; the limit is on the bytes
/// read, for the files of /proc say that they have none.
static llvm::ErrorOr<std::string> readRegularFile(const std::string &path) {
  int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0)
    return std::error_code(errno, std::generic_category());
  llvm::scope_exit closeFile([&] { close(file); });
  struct stat status;
  if (fstat(file, &status))
    return std::error_code(errno, std::generic_category());
  if (S_ISDIR(status.st_mode))
    return std::make_error_code(std::errc::is_a_directory);
  if (!S_ISREG(status.st_mode))
    return std::make_error_code(std::errc::invalid_argument);
  std::string text;
  std::vector<char> part(size_t(1) << 16);
  while (text.size() <= maxSourceBytes) {
    ssize_t got = read(file, part.data(), part.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return std::error_code(errno, std::generic_category());
    if (got == 0)
      break;
    text.append(part.data(), size_t(got));
  }
  return text;
}

llvm::Expected<FileId> SourceMap::addFile(llvm::StringRef path) {
  std::string name = path.str();
  llvm::ErrorOr<std::string> text = readRegularFile(name);
  if (!text) {
    std::error_code error = text.getError();
    std::string reason = error == std::errc::invalid_argument ? "it is not a regular file" : error.message();
    return llvm::createStringError(error, "cannot read `%s`: %s", name.c_str(), reason.c_str());
  }
  if (text->size() > maxSourceBytes)
    return llvm::createStringError(std::errc::file_too_large, "`%s` is larger than 16 MiB: not a spec", name.c_str());
  return addText(std::move(name), std::move(*text));
}

/// Bytes of the character that `text` starts with; 1 for an invalid byte.
static size_t characterLength(llvm::StringRef text) {
  size_t length = llvm::getNumBytesForUTF8(static_cast<llvm::UTF8>(text.front()));
  auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  return length <= text.size() && llvm::isLegalUTF8Sequence(begin, begin + length) ? length : 1;
}

LineColumn SourceMap::lineColumn(FileId file, uint32_t offset) const {
  const std::vector<uint32_t> &starts = files[file].lineStarts;
  auto next = std::upper_bound(starts.begin(), starts.end(), offset);
  LineColumn place{static_cast<uint32_t>(next - starts.begin()), 1};
  llvm::StringRef before = text(file).slice(*(next - 1), offset);
  for (; !before.empty(); before = before.drop_front(characterLength(before)))
    ++place.column;
  return place;
}

llvm::StringRef SourceMap::line(FileId file, uint32_t line) const {
  const std::vector<uint32_t> &starts = files[file].lineStarts;
  uint32_t end = line < starts.size() ? starts[line] : text(file).size();
  llvm::StringRef result = text(file).slice(starts[line - 1], end);
  result.consume_back("\n");
  result.consume_back("\r");
  return result;
}

uint32_t displayWidth(llvm::StringRef text, uint32_t column) {
  constexpr uint32_t tabWidth = 4;
  uint32_t start = column;
  while (!text.empty()) {
    size_t length = characterLength(text);
    if (text.front() == '\t') {
      column += tabWidth - column % tabWidth;
    } else {
      int width = llvm::sys::unicode::columnWidthUTF8(text.take_front(length));
      column += width < 0 ? 1 : width;
    }
    text = text.drop_front(length);
  }
  return column - start;
}

} // namespace kinu
