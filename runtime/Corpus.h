// The raw text a model is trained on: globbed files, checked, and split into training and validation parts.
#pragma once

#include "runtime/File.h"

#include <string>
#include <string_view>
#include <vector>

namespace kinu::rt {

/// A part of one file. A document is a file (or what the split leaves of it).
struct TextSpan {
  std::string_view text;
  const std::string *path;
};

struct TextSplit {
  std::vector<TextSpan> training, validation;
};

/// The files of a list of glob patterns, mapped. Order: patterns as given, the files of one sorted by name, each file
/// once. Text is taken as it is: UTF-8, with line ends of either kind and a byte order mark kept.
class Corpus {
public:
  /// Throws Failure (Exit::BadData): a pattern matches nothing, a file cannot be read, is not UTF-8 (with the byte
  /// offset), or all are empty.
  /// Its message ends in `hint`, which says what to do.
  explicit Corpus(const std::vector<std::string> &patterns, const std::string &hint = "");

  /// Cuts the text of all files, one after another, at character floor(characters * (1 - validation)); with
  /// `wholeLines` at the first line that begins there or later.
  TextSplit split(double validation, bool wholeLines = false) const;
  /// xxh3-128 over the sizes and bytes of all files, in order.
  std::string hash() const;

private:
  std::vector<std::string> paths;
  std::vector<MappedFile> files;
  int64_t characterCount = 0;
};

} // namespace kinu::rt
