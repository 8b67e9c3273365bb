// Source files and places in them. A place is a file and byte offsets; lines and columns are computed only when a
// person has to read them.
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace kinu {

/// Index of a file in a SourceMap.
using FileId = uint32_t;

/// The bytes [begin, end) of a file. An empty range stands between two bytes.
struct SourceRange {
  FileId file = 0;
  uint32_t begin = 0;
  uint32_t end = 0;

  bool empty() const { return begin == end; }
  bool operator==(const SourceRange &other) const = default;
};

/// The smallest range that holds both; they are in the same file.
SourceRange cover(SourceRange first, SourceRange last);

/// A place as a person and an editor read it: both from 1, the column counted in characters (code points).
struct LineColumn {
  uint32_t line = 1;
  uint32_t column = 1;
};

/// Files above this size are refused: offsets stay small and a stray data file does not fill the memory.
constexpr uint64_t maxSourceBytes = 16u << 20;

/// Owns the text of every file of a compilation. Texts never move, so StringRefs into them stay valid.
class SourceMap {
public:
  /// Adds a text under the name that messages show.
  FileId addText(std::string name, std::string text);

  /// Reads a file. Fails when it cannot be read, is no regular file (a fifo, a device) or is larger than
  /// maxSourceBytes.
  llvm::Expected<FileId> addFile(llvm::StringRef path);

  size_t size() const { return files.size(); } ///< FileIds are below
  llvm::StringRef name(FileId file) const { return files[file].name; }
  llvm::StringRef text(FileId file) const { return files[file].text; }
  llvm::StringRef text(SourceRange range) const { return text(range.file).slice(range.begin, range.end); }

  LineColumn lineColumn(FileId file, uint32_t offset) const;

  /// The text of a line (from 1) without its line end.
  llvm::StringRef line(FileId file, uint32_t line) const;

  unsigned lineCount(FileId file) const { return files[file].lineStarts.size(); }

  /// The offset of the first byte of a line (from 1).
  uint32_t lineStart(FileId file, uint32_t line) const { return files[file].lineStarts[line - 1]; }

private:
  struct File {
    std::string name;
    std::string text;
    std::vector<uint32_t> lineStarts;
  };
  std::deque<File> files;
};

/// Terminal cells that `text` takes when it starts at cell `column` (from 0): wide characters take two, combining ones
/// none, a tab goes to the next multiple of 4, a control character or an invalid byte takes one.
uint32_t displayWidth(llvm::StringRef text, uint32_t column = 0);

} // namespace kinu
