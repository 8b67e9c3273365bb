// Source files: reading, lines and columns.
#include "compiler/syntax/Source.h"

#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Unicode.h"

#include <algorithm>

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

llvm::Expected<FileId> SourceMap::addFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(buffer.getError(), "cannot read `%s`: %s", path.str().c_str(),
                                   buffer.getError().message().c_str());
  if ((*buffer)->getBufferSize() > maxSourceBytes)
    return llvm::createStringError(std::errc::file_too_large, "`%s` is larger than 16 MiB: not a spec",
                                   path.str().c_str());
  return addText(path.str(), (*buffer)->getBuffer().str());
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
