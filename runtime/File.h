// Files as the runtime needs them: mapped for reading; written whole, synced and with errors noticed.
//
// Every function throws Failure (Exit::Io unless said otherwise) naming the path and the system's reason.
#pragma once

#include "runtime/Failure.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>
#include <xxhash.h>

namespace kinu::rt {

/// A file mapped read-only for as long as this object lives.
class MappedFile {
public:
  MappedFile() = default;
  /// `code` is the exit code if it is missing or unreadable.
  explicit MappedFile(const std::string &path, Exit code = Exit::Io);
  ~MappedFile();
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;

  std::string_view bytes() const { return {start, size}; }

private:
  const char *start = nullptr;
  size_t size = 0;
};

/// A new file being written. Its xxh3-128 is computed on the way.
class FileWriter {
public:
  explicit FileWriter(const std::string &path); ///< refuses a path that exists already
  ~FileWriter();
  FileWriter(const FileWriter &) = delete;
  FileWriter &operator=(const FileWriter &) = delete;

  void write(std::string_view bytes);
  /// Syncs to the disk and closes; returns the hash of all bytes as 32 hexadecimal digits.
  std::string finish();

private:
  std::string path;
  int descriptor;
  XXH3_state_t *state;
};

/// Writes a new file whole and syncs it; returns its hash.
std::string writeNewFile(const std::string &path, std::string_view bytes);
/// Replaces `path` (or what it links to) by the file that `write` makes at the path it is given: a reader sees the old
/// or the new one, never a part, and what cannot be written leaves the old one.
void replaceFile(const std::string &path, const std::function<void(const std::string &)> &write);
void replaceFile(const std::string &path, std::string_view bytes);
/// The files that match any of the glob patterns; none is no error.
std::vector<std::string> matchingFiles(const std::vector<std::string> &patterns);
/// Refuses `output` (Exit::Usage) if it is the same file as one of `inputs`, or (Exit::Io) something that a file must
/// not take the place of: a folder, a device, a fifo. To be asked before any work is done.
void checkOutput(const std::string &output, const std::vector<std::string> &inputs);
/// The first half of that.
void checkNotInput(const std::string &output, const std::vector<std::string> &inputs);
/// Makes the names in `folder` durable.
void syncFolder(const std::string &folder);
void makeFolders(const std::string &folder);
/// Eight hexadecimal digits that no other file of this run or another has, to make names unique.
std::string uniqueSuffix();

std::string hexHash(XXH128_hash_t hash);
std::string hashBytes(std::string_view bytes); ///< xxh3-128 as 32 hexadecimal digits

} // namespace kinu::rt
