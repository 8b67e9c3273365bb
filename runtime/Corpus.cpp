// See Corpus.h.
#include "runtime/Corpus.h"

#include "runtime/Utf8.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <glob.h>

namespace kinu::rt {

static std::vector<std::string> expand(const std::vector<std::string> &patterns, const std::string &hint) {
  std::vector<std::string> paths;
  for (const std::string &pattern : patterns) {
    glob_t found = {};
    int status = glob(pattern.c_str(), 0, nullptr, &found); // sorted by name
    for (size_t i = 0; i < found.gl_pathc; ++i)
      if (std::find(paths.begin(), paths.end(), found.gl_pathv[i]) == paths.end())
        paths.emplace_back(found.gl_pathv[i]);
    globfree(&found);
    if (status != 0) {
      std::error_code ignored;
      fail(Exit::BadData, "no file matches `", pattern, "` (seen from `",
           std::filesystem::current_path(ignored).string(), "`)", hint);
    }
  }
  return paths;
}

Corpus::Corpus(const std::vector<std::string> &patterns, const std::string &hint) : paths(expand(patterns, hint)) {
  if (paths.empty())
    fail(Exit::BadData, "no text to read: no files are named", hint);
  for (const std::string &path : paths) {
    std::string_view text = files.emplace_back(path, Exit::BadData).bytes();
    if (auto offset = findInvalidUtf8(text))
      fail(Exit::BadData, "`", path, "` is not UTF-8: byte ", *offset, " is 0x", std::hex, int(uint8_t(text[*offset])),
           "; convert it, for example with `iconv -t UTF-8`");
    characterCount += countCharacters(text);
  }
  if (characterCount == 0)
    fail(Exit::BadData, "no text to read: ", paths.size() == 1 ? "`" + paths[0] + "` is" : "all files are", " empty");
}

/// The first offset from `offset` on at which a line begins.
static size_t lineStart(std::string_view text, size_t offset) {
  if (offset == 0 || offset >= text.size())
    return offset;
  size_t end = text.find('\n', offset - 1);
  return end == text.npos ? text.size() : end + 1;
}

TextSplit Corpus::split(double validation, bool wholeLines) const {
  int64_t cut = int64_t(std::floor(double(characterCount) * (1.0 - validation)));
  TextSplit split;
  for (size_t i = 0; i < files.size(); ++i) {
    std::string_view text = files[i].bytes();
    int64_t here = countCharacters(text);
    size_t offset = cut >= here ? text.size() : characterOffset(text, std::max<int64_t>(cut, 0));
    if (wholeLines)
      offset = lineStart(text, offset);
    if (offset > 0)
      split.training.push_back({text.substr(0, offset), &paths[i]});
    if (offset < text.size())
      split.validation.push_back({text.substr(offset), &paths[i]});
    cut -= here;
  }
  return split;
}

std::string Corpus::hash() const {
  std::string sums;
  for (const MappedFile &file : files)
    sums += text(file.bytes().size(), ":", hashBytes(file.bytes()), "\n");
  return hashBytes(sums);
}

} // namespace kinu::rt
